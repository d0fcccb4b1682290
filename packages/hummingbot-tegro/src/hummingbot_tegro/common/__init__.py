"""What the spot, the perpetual and the paper connector share. It knows none of them."""
