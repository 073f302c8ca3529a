package templates

func lang(p Page) string {
	if p.Lang == "" {
		return "en"
	}
	return p.Lang
}

func windowTitle(p Page) string {
	if p.Title == "" || p.Title == p.Brand {
		return p.Brand
	}
	return p.Title + " · " + p.Brand
}
