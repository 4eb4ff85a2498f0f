CONFIG = {"workers": 2, "items": ["x", "y", "z"], "hooks": ["app.hooks.upper", "app.hooks.twice"]}
