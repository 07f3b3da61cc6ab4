"""`zoo demo`: the page on which one tries checkpoints in a browser. Only `zoo.page.app` needs gradio."""
