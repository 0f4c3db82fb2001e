package check

var readyAgrees = Check{
	Name: "ready-agrees", Side: Production, Scope: Deployed, Needs: []Source{FromReady},
	Proves:      "both accounts were deployed from the same configuration",
	NotPromised: "that either was deployed from the file on your disk; `npx cdk diff` shows that",
	Run: func(f Facts) []Finding {
		return withReady(f, func(r Ready) Finding {
			if r.ConfigHash == f.Config.Hash() && r.Target == f.Target.Name {
				return proved("ready.json of "+f.Target.Name, "it names the same configuration, %.12s…", r.ConfigHash)
			}
			return wrong("ready.json of "+f.Target.Name, "the target was deployed from another dbferry.json",
				"`npx cdk deploy "+f.stack(Production)+"`, `npx cdk deploy "+f.stack(Target)+"`, then run staging-ready")
		})
	},
}
