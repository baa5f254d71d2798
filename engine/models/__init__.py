"""Which pretrained models there are, and how one is opened on this machine."""
