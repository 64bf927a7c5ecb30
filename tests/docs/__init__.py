"""What the README and the pages of docs/ show is run, parsed or looked up."""
