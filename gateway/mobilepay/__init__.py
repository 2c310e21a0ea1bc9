"""One provider, the MobilePay PoS API v10: the only room with its words, and with httpx."""
