package migration

// Import decides what a user gets whom an operator brings to the new pool by Cognito's CSV import, before the user comes: what a
// forgotten password would give, and the username among the attributes. It is rejected if nothing would let the user in afterwards: an
// imported user has no password, and needs a verified address to set one.
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool.html
func (p Policy) Import(account Account) Decision {
	p.ForgotPassword = ResetMigrates
	name := account.Username
	for _, address := range p.NewPool.UsernameAttributes {
		if a := p.attributes(account); a[address] != "" && a[Address(address).flag()] == "true" {
			name = a[address]
			break
		}
	}
	d := p.decide(ForgotPassword, name, Answer{Account: &account})
	if d.Outcome == Migrated && d.Attributes["username"] == "" {
		d.Attributes["username"] = name
	}
	return d
}
