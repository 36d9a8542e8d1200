/**
 * What Resource Manager says of the cloud's endpoints: how `az cloud register`, Terraform and the Go SDK find the
 * sign-in service. `2015-01-01` is a short object, versions of 2018 to 2021 are a list of clouds, `2022-09-01` is one
 * cloud as an object. Source: the responses that hashicorp/go-azure-sdk and azure-cli decode.
 */
export function metadataEndpoints(url: URL, tenantId: string): unknown {
  const { origin, host } = url;
  const version = url.searchParams.get('api-version') ?? '2022-09-01';
  const audiences = ['https://management.core.windows.net/', 'https://management.azure.com/'];
  if (version < '2018') {
    return {
      galleryEndpoint: `${origin}/`,
      graphEndpoint: `${origin}/`,
      portalEndpoint: `${origin}/`,
      authentication: { loginEndpoint: `${origin}/`, audiences },
    };
  }
  const cloud = {
    name: 'AzureCloud',
    portal: origin,
    authentication: { loginEndpoint: origin, audiences, tenant: tenantId, identityProvider: 'AAD' },
    media: origin,
    graphAudience: 'https://graph.windows.net/',
    graph: 'https://graph.windows.net/',
    microsoftGraphResourceId: 'https://graph.microsoft.com/',
    gallery: `${origin}/`,
    sqlManagement: `${origin}/`,
    batch: 'https://batch.core.windows.net/',
    resourceManager: `${origin}/`,
    vmImageAliasDoc: `${origin}/image-aliases.json`,
    activeDirectoryDataLake: 'https://datalake.azure.net/',
    appInsightsResourceId: 'https://api.applicationinsights.io',
    logAnalyticsResourceId: 'https://api.loganalytics.io',
    attestationResourceId: 'https://attest.azure.net',
    synapseAnalyticsResourceId: 'https://dev.azuresynapse.net',
    ossrDbmsResourceId: 'https://ossrdbms-aad.database.windows.net',
    suffixes: {
      acrLoginServer: 'azurecr.io',
      keyVaultDns: 'vault.azure.net',
      storage: 'core.windows.net',
      sqlServerHostname: 'database.windows.net',
      attestationEndpoint: 'attest.azure.net',
      managementHost: host,
    },
  };
  return version < '2022' ? [cloud] : cloud;
}
