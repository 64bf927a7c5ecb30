"""PAC files and URLs made at random, answered by a real Chromium and by us: ``make oracle``."""
