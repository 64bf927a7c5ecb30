"""``pacaware doctor``: walk the path of a request as a person would, and say where it ends and what to do about it.

What looks (``look_*``, ``net``, ``logon``, ``origin``) decides nothing and returns what it saw as frozen values; what
judges (``judge_*``, ``address``) does no I/O. ``walk`` puts them in order, ``show`` and ``report`` write it down.
"""
