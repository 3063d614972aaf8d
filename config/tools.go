package config

// Tools says what agents may ask of this server while they work, over MCP.
type Tools struct {
	// Enabled offers the tools to agents whose engine speaks MCP. Default: true.
	Enabled bool `yaml:"enabled"`

	// Quotas is how often one run may use a tool, by its name; 0 takes the tool
	// away. Default: 30 for what reads (10 for get_comments), 30 for report_plan, 1
	// for ask_human, 2 for propose_issue, 5 for request_screenshot, 2 for
	// create_superset_workspace, 50 for each tool of Servers (as SERVER_TOOL).
	Quotas map[string]int `yaml:"quotas"`

	// ProposeIssue lets agents open issues, in every repository, for what they find
	// beside their task. Default: false, which leaves it to each repository
	// (tools.propose_issue in .github/anvil.yml): an issue speaks to many people.
	ProposeIssue bool `yaml:"propose_issue"`

	// Servers are MCP servers of your own (streamable HTTP) that agents may use
	// through this one. Default: none. Their secrets stay here, and are hidden in
	// answers that repeat them, as they are or in base64, hexadecimal, URLs and JSON. All
	// else that they answer reaches the agent as it is, and what agents ask of them is up
	// to what the repository's people, and whoever writes in its issues, make agents do.
	Servers []ToolServer `yaml:"servers"`
}

// ToolServer is an MCP server of the operator's.
type ToolServer struct {
	// Name stands in front of the names of its tools, as NAME_TOOL. Required:
	// lower-case letters, digits and dashes. No NAME_TOOL may be a tool of this
	// server's own.
	Name string `yaml:"name"`

	// URL is its address. Required; https, except for a loopback host or where no
	// header is sent.
	URL string `yaml:"url"`

	// Headers are sent with each request, such as Authorization. Default: none.
	Headers []ToolHeader `yaml:"headers"`

	// Tools lists those that agents may use. Required: what a server has grows, and
	// what an agent may do should not grow with it.
	Tools []string `yaml:"tools"`
}

// ToolHeader is one header with a secret value.
type ToolHeader struct {
	// Header is its name, such as Authorization. Required.
	Header string `yaml:"header"`

	// ValueFile is a file whose one line is the whole value, such as "Bearer
	// SECRET". Required, unless ValueEnv is given; not both. Mode 0600.
	ValueFile string `yaml:"value_file"`

	// ValueEnv names the environment variable that holds the value.
	ValueEnv string `yaml:"value_env"`
}

// OwnTools are the names of the tools that the server itself has.
var OwnTools = []string{
	"get_task", "get_issue", "get_comments", "get_check_results", "report_plan", "ask_human", "propose_issue",
	"request_screenshot", "create_superset_workspace",
}
