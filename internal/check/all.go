package check

import (
	"slices"
	"strings"
)

// All lists every check by name.
func All() []Check {
	all := []Check{
		auroraOptIn, backupRole, busRules, clusterAvailable, clusterEncrypted, clusterEngine, clusterExists, clusterIdle,
		clusterKeyAdmitsBackup, clusterKeyAdmitsTarget, clusterKeyCustomer, clusterKeyEnabled, clusterKeyNotAWSOwned, clusterQuota,
		clusterSettings, clusterTags, configurationFilledIn, crossAccountBackup, dynamoAdvanced, dynamoOptIn, endpointsReachable,
		engineVersionOffered, instanceClassOffered, instanceQuota, parameterGroupFamily, parameterGroups, proxyExists, proxyFitsLane, proxyLogin, proxyReachable, productionOrganization, productionVault,
		productionVaultAdmitsTarget, productionVaultKey, productionVaultLock, readyAgrees, readyClean, readyFresh, readyPresent, restoreRole,
		secretsExist, secretsKept, selectorsMatch, serviceLinkedRoles, subnetGroup, switchParameters, switchRecords, switchServices, tableActive, tableExists, tableIdle, tableKey, tableTags,
		targetAdvanced, targetOptIn, targetOrganization, targetVault, targetVaultKey, targetVaultLock, targetVaultPolicy,
	}
	slices.SortFunc(all, func(a, b Check) int { return strings.Compare(a.Name, b.Name) })
	return all
}
