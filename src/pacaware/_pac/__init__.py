"""PAC files: fetching them, running them in a disposable process, and answering their name lookups."""
