"""What is to be looked at, without matplotlib: numbers beside their equations (`explain`), a page, notebooks."""
