package slack

// Names of what can be pressed or chosen in our messages.
const (
	ActionVerb       = "anvil_" // and a verb, such as stop
	ActionRepository = "anvil_repository"
	ActionLink       = "anvil_link" // leads to a page; nothing follows from the press itself
)
