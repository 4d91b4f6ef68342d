"""Commands about tasks: what each of them did."""
