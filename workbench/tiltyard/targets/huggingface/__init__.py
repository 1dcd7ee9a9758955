"""A folder as Hugging Face's transformers writes it (config.json, *.safetensors, a tokenizer), opened without running code of it."""
