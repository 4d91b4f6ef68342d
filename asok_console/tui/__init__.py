"""The console: screens that show one snapshot, and the actions an operator takes from them."""
