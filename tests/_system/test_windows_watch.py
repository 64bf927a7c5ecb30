"""When the values of Windows are read again: after a notification, and from time to time."""

from __future__ import annotations

from pacaware._system.windows_watch import Remembered


class World:
    """Values, the number of notifications, and a clock."""

    def __init__(self):
        self.value, self.told, self.time, self.reads, self.meanwhile = "a", 0, 100.0, 0, None

    def read(self):
        self.reads += 1
        value = self.value
        if self.meanwhile:
            self.value, self.told, self.meanwhile = self.meanwhile, self.told + 1, None
        return value

    def remembered(self):
        return Remembered(self.read, lambda: self.told, lambda: self.time)


def test_a_notification():
    """Without one nothing is read; after one the values are read once."""
    world = World()
    remembered = world.remembered()
    assert [remembered.get(), remembered.get()] == ["a", "a"]
    assert world.reads == 1
    world.value, world.told = "b", 1
    assert [remembered.get(), remembered.get()] == ["b", "b"]
    assert world.reads == 2


def test_a_change_without_a_notification():
    """It is seen after ten seconds."""
    world = World()
    remembered = world.remembered()
    remembered.get()
    world.value, world.time = "b", 109.9
    assert remembered.get() == "a"
    world.time = 110.0
    assert remembered.get() == "b"


def test_a_change_while_the_values_are_read():
    """It is a reason to read them again at the next look."""
    world = World()
    remembered = world.remembered()
    world.meanwhile = "b"
    assert [remembered.get(), remembered.get()] == ["a", "b"]
