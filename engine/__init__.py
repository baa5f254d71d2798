"""Everything of Tuneboard that works without a browser."""

import os

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # huggingface_hub reads it when it is imported

__version__ = "0.1.0"
