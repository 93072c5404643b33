"""HTTP helpers, micro-batching and streamed answers. Never imports gradio."""
