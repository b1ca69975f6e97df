package pages

import "net/http"

func (p *Site) incidentRoutes(*http.ServeMux) {}

func (p *Site) quarantineRoutes(*http.ServeMux) {}
