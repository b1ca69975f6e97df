package openai

// RequestOf is what would be sent; OpenAI's own address can't be asked in tests.
var RequestOf = (*Chat).request
