package secretsmanager

// DropSecret removes a secret at once, as ground.
func (s *Service) DropSecret(account, name string) { delete(s.secrets, account+"/"+name) }
