package idp

// A ClaimPolicy is what a client learns about people beyond the default, as the
// operator configured it.
type ClaimPolicy struct {
	// Add maps the names of claims to their values: text in which {account_id}, {sub} and
	// {network} stand for those of the person, or {groups} alone for the list of their groups. A value
	// with an @ is an email address, made up from the account. email_verified
	// is "false", the default beside an email, or "omit".
	Add map[string]string `yaml:"add"`
	// IDToken and UserInfo list the claims that go there, besides "sub". Nil: all of them.
	IDToken  []string `yaml:"id_token"`
	UserInfo []string `yaml:"userinfo"`
}

// The places where claims about a person go.
const (
	PlaceIDToken  = "id_token"
	PlaceUserInfo = "userinfo"
)

// An AccessPolicy says who may sign in to a client, as the operator configured it.
// An entry is an account, "*.corp.near" for every account below corp.near,
// "*" for everybody, or "group:NAME" for a group's accounts.
type AccessPolicy struct {
	// Allow lists who may. Empty: everybody.
	Allow []string `yaml:"allow"`
	// Deny lists who may not, whatever Allow says.
	Deny []string `yaml:"deny"`
}

// A Problem is a value of the configuration that cannot be used. Key is its
// place, such as "access_policies.staff.allow[0]".
type Problem struct {
	Key string
	Err error
}

func (p *Problem) Error() string { return p.Key + ": " + p.Err.Error() }
func (p *Problem) Unwrap() error { return p.Err }
