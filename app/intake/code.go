package intake

import (
	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// Codes of reasons and problems; docs/errors.md says what to do about each.
const (
	// Why a delivery is ignored. Nobody is answered.
	CodeUnhandled anvil.Code = "WH_UNHANDLED" // no event or action of ours
	CodeNoCommand anvil.Code = "NO_COMMAND"   // no line that is a command
	CodeBot       anvil.Code = "BOT_SENDER"   // not a person
	CodeIdentity  anvil.Code = "IDENTITY_MISMATCH"
	CodeGone                 = github.CodeGone // not of an installation

	// What a person is answered.
	CodeEdited     anvil.Code = "EDITED"             // also a reason to ignore
	CodeTarget     anvil.Code = "TARGET_UNSUPPORTED" // also a reason to ignore
	CodePermission            = policy.CodePermission
	CodeUsage      anvil.Code = "CMD_USAGE"
	CodeOption     anvil.Code = "CMD_OPTION"
	CodeRef        anvil.Code = "REF_INVALID"
	CodePromptLong anvil.Code = "PROMPT_TOO_LONG"
	CodeArchived              = github.CodeArchived
	CodePayload    anvil.Code = "WH_JSON"
	CodeMultiple   anvil.Code = "CMD_MULTIPLE"        // a notice: the task goes on
	CodeHiddenText anvil.Code = "HIDDEN_TEXT_REMOVED" // a notice: the task goes on
	CodeSecret     anvil.Code = "SECRET_IN_PROMPT"    // a notice: the task goes on
)
