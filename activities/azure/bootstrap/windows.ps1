# First start of a Windows machine (Server 2022 and 2025): makes it an agent of Azure Pipelines. The custom script extension
# runs this once, as SYSTEM, under Windows PowerShell 5.1. What differs from machine to machine, and the agent's files, are
# in the machine's custom data, which Windows keeps in a file and does not run by itself.
#
# No line that is printed holds a secret. A failed step ends the extension with an exit code other than 0: Azure shows its
# output as the status of the extension, and no agent starts.
param(
    [string] $CustomDataFile = "$env:SystemDrive\AzureData\CustomData.bin"
)

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$agentFolder = "$env:SystemDrive\azure-pipelines-agent"
$taskName = 'azure-pipelines-agent'
$script:step = 'start'

# Straight to the console: what a function writes to its output would be part of its answer.
function Write-Line([string] $Text) {
    [Console]::Out.WriteLine("open-devops-pools: $Text")
}

function Enter-Step([string] $Name) {
    $script:step = $Name
    Write-Line $Name
}

# The key is in memory from here on. The copy that Azure's agent keeps is needed by nobody, whatever comes.
function Read-CustomData {
    $text = [IO.File]::ReadAllText($CustomDataFile)
    Remove-Item -Force -Path $CustomDataFile
    return $text | ConvertFrom-Json
}

function New-RandomPassword {
    $bytes = New-Object byte[] 30
    $random = [Security.Cryptography.RandomNumberGenerator]::Create()
    $random.GetBytes($bytes)
    $random.Dispose()
    # Windows wants three of four kinds of characters; a random text might by chance have fewer.
    return [Convert]::ToBase64String($bytes) + 'aA1!'
}

# Only the agent's user, the system and administrators read what is in the agent's folder.
function Protect-Folder([string] $Path, [string] $User) {
    & icacls.exe $Path /inheritance:r /grant:r "*S-1-5-18:(OI)(CI)F" "*S-1-5-32-544:(OI)(CI)F" "${User}:(OI)(CI)F" /q | Out-Null
    if ($LASTEXITCODE -ne 0) { throw "icacls ended with $LASTEXITCODE" }
}

function Write-AgentFile([string] $Name, [byte[]] $Content) {
    # The agent keeps its key under the machine's own protection, and reads it in no other form.
    if ($Name -eq '.credentials_rsaparams') {
        Add-Type -AssemblyName System.Security
        $scope = [Security.Cryptography.DataProtectionScope]::LocalMachine
        $Content = [Security.Cryptography.ProtectedData]::Protect($Content, $null, $scope)
    }
    [IO.File]::WriteAllBytes((Join-Path $agentFolder $Name), $Content)
}

function Read-AgentText([string] $Name) {
    $path = Join-Path $agentFolder $Name
    if (Test-Path -Path $path) { return [IO.File]::ReadAllText($path) }
    return ''
}

function Write-AgentText([string] $Name, [string] $Text) {
    [IO.File]::WriteAllText((Join-Path $agentFolder $Name), $Text)
}

# A pool without a proxy leaves it to its image, which names one the way config.cmd would be told.
function Use-ProxyOfImage {
    if (Test-Path -Path (Join-Path $agentFolder '.proxy')) { return }
    $setting = @{}
    foreach ($name in 'URL', 'USERNAME', 'PASSWORD') {
        $setting[$name] = [Environment]::GetEnvironmentVariable("VSTS_AGENT_INPUT_PROXY$name", 'Machine')
    }
    if (-not $setting['URL']) { return }
    Enter-Step "use the proxy of the image, $($setting['URL'])"
    $lines = @("VSTS_HTTP_PROXY=$($setting['URL'])")
    $full = $setting['URL']
    if ($setting['USERNAME']) {
        $lines += "VSTS_HTTP_PROXY_USERNAME=$($setting['USERNAME'])", "VSTS_HTTP_PROXY_PASSWORD=$($setting['PASSWORD'])"
        $credential = [Uri]::EscapeDataString($setting['USERNAME']) + ':' + [Uri]::EscapeDataString([string] $setting['PASSWORD'])
        $full = $setting['URL'] -replace '^(https?://)', ('${1}' + $credential.Replace('$', '$$') + '@')
    }
    # Names of variables have no case here.
    $lines += "HTTP_PROXY=$full", "HTTPS_PROXY=$full", 'NO_PROXY=localhost,127.0.0.1,169.254.169.254,168.63.129.16'
    Write-AgentText '.proxy' "$($setting['URL'])`r`n"
    Write-AgentText '.env' (($lines -join "`r`n") + "`r`n")
}

function ConvertTo-Secret([string] $Text) {
    $secret = New-Object Security.SecureString
    foreach ($character in $Text.ToCharArray()) { $secret.AppendChar($character) }
    return $secret
}

# The download uses the same proxy as the agent.
function Get-DownloadProxy {
    $setting = @{}
    foreach ($line in (Read-AgentText '.env') -split "`r?`n") {
        $name, $value = $line -split '=', 2
        $setting[$name] = $value
    }
    $found = @{}
    if ($setting['VSTS_HTTP_PROXY']) { $found['Proxy'] = $setting['VSTS_HTTP_PROXY'] }
    if ($setting['VSTS_HTTP_PROXY_USERNAME']) {
        $secret = ConvertTo-Secret $setting['VSTS_HTTP_PROXY_PASSWORD']
        $found['ProxyCredential'] = New-Object Management.Automation.PSCredential $setting['VSTS_HTTP_PROXY_USERNAME'], $secret
    }
    return $found
}

function Install-Agent($Package) {
    if (Test-Path -Path (Join-Path $agentFolder 'run.cmd')) { return }
    Enter-Step "fetch the agent from $($Package.url)"
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    $archive = Join-Path ([IO.Path]::GetTempPath()) 'azure-pipelines-agent.zip'
    $proxy = Get-DownloadProxy
    for ($attempt = 1; ; $attempt++) {
        try {
            Invoke-WebRequest -UseBasicParsing -Uri $Package.url -OutFile $archive @proxy
            break
        } catch {
            if ($attempt -ge 6) { throw }
            Start-Sleep -Seconds ([Math]::Pow(2, $attempt - 1))
        }
    }
    Enter-Step 'check the SHA-256 of the agent'
    if ($Package.sha256) {
        $hash = (Get-FileHash -Algorithm SHA256 -Path $archive).Hash
        if ($hash -ne $Package.sha256) { throw "the package has the SHA-256 $hash" }
    } else {
        Write-Line 'not checked, for the installation names none'
    }
    Enter-Step 'install the agent'
    Add-Type -AssemblyName System.IO.Compression.FileSystem
    [IO.Compression.ZipFile]::ExtractToDirectory($archive, $agentFolder)
    Remove-Item -Force -Path $archive
}

# A disk that is raw was never used; the disk of the system and the temporary one have partitions.
function Initialize-DataDisk($Disk) {
    if ($null -eq $Disk) { return }
    $letter = $Disk.driveLetter
    if (-not $letter) { $letter = if (Test-Path -Path 'D:\') { 'F' } else { 'E' } }
    Enter-Step "make the data disk drive ${letter}:"
    for ($waited = 0; ; $waited++) {
        $found = Get-Disk | Where-Object { $_.PartitionStyle -eq 'RAW' -and $_.Location -match "LUN $($Disk.lun)$" } | Select-Object -First 1
        if ($null -ne $found) { break }
        if ($waited -ge 120) { throw "no raw disk with the number $($Disk.lun) came up in two minutes" }
        Start-Sleep -Seconds 1
    }
    $found | Initialize-Disk -PartitionStyle GPT
    $found | New-Partition -UseMaximumSize -DriveLetter $letter | Format-Volume -FileSystem NTFS -Confirm:$false | Out-Null
}

# A folder that the pool does not choose is on the temporary disk, where the size has one.
function New-WorkFolder([string] $Folder, [string] $User) {
    if (-not $Folder) { $Folder = if (Test-Path -Path 'D:\') { 'D:\a\_work' } else { "$env:SystemDrive\a\_work" } }
    $path = if ([IO.Path]::IsPathRooted($Folder)) { $Folder } else { Join-Path $agentFolder $Folder }
    Enter-Step "make the work folder $path"
    New-Item -ItemType Directory -Force -Path $path | Out-Null
    & icacls.exe $path /grant "${User}:(OI)(CI)F" /q | Out-Null
    $settings = Read-AgentText '.agent' | ConvertFrom-Json
    $settings.workFolder = $path
    Write-AgentText '.agent' ($settings | ConvertTo-Json -Compress)
}

function Get-ImageVersion {
    try {
        $uri = 'http://169.254.169.254/metadata/instance/compute/version?api-version=2021-02-01&format=text'
        $version = [string] (Invoke-RestMethod -Uri $uri -Headers @{ Metadata = 'true' } -TimeoutSec 10)
        if ($version -match '^[\w.-]+$') { return $version }
    } catch {
        Write-Line 'the machine does not know the version of its image'
    }
    return 'latest'
}

# Nobody knows the machine's own address, and which version of its image is the latest, before it runs.
function Write-SetupInfo {
    Enter-Step 'tell the address of the machine and the version of its image'
    $address = Get-NetIPAddress -AddressFamily IPv4 | Where-Object { $_.PrefixOrigin -eq 'Dhcp' } | Select-Object -First 1
    $text = (Read-AgentText '.setup_info').Replace('@private-ip-address@', $address.IPAddress)
    Write-AgentText '.setup_info' $text.Replace('@image-version@', (Get-ImageVersion))
}

# The account that Azure made gets a password that nobody else knows; the one of the create call was thrown away.
function Reset-Account([string] $User) {
    Enter-Step "make the account $User ready"
    $password = New-RandomPassword
    Set-LocalUser -Name $User -Password (ConvertTo-Secret $password) -PasswordNeverExpires $true
    return $password
}

# As a task, for a job may outlast the extension by two days, and a service of Windows cannot run one job and end.
function Start-Agent($Data, [string] $Password) {
    $arguments = if ($Data.once) { '--once' } else { '' }
    $command = "/d /c run.cmd $arguments"
    $action = New-ScheduledTaskAction -Execute 'cmd.exe' -Argument $command -WorkingDirectory $agentFolder
    $limits = @{ ExecutionTimeLimit = [TimeSpan]::Zero; AllowStartIfOnBatteries = $true; DontStopIfGoingOnBatteries = $true }
    if (-not $Data.once) { $limits['RestartCount'] = 999; $limits['RestartInterval'] = New-TimeSpan -Minutes 1 }
    $settings = New-ScheduledTaskSettingsSet @limits
    if ($Data.interactive) {
        Enter-Step 'let the agent start in a session of its own'
        $principal = New-ScheduledTaskPrincipal -UserId $Data.user -LogonType Interactive -RunLevel Highest
        $trigger = New-ScheduledTaskTrigger -AtLogOn -User $Data.user
        Register-ScheduledTask -TaskName $taskName -Action $action -Principal $principal -Trigger $trigger -Settings $settings -Force | Out-Null
        $winlogon = 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon'
        $values = @{ AutoAdminLogon = '1'; DefaultUserName = $Data.user; DefaultDomainName = $env:COMPUTERNAME; DefaultPassword = $Password }
        foreach ($name in $values.Keys) { Set-ItemProperty -Path $winlogon -Name $name -Value $values[$name] }
        # No screen saver and no lock, which would take the desktop from a test.
        & powercfg.exe /change monitor-timeout-ac 0
        # The extension must have reported its end before.
        & shutdown.exe /r /t 20 /d p:4:1 | Out-Null
        return
    }
    Enter-Step 'start the agent'
    $registration = @{ TaskName = $taskName; Action = $action; Settings = $settings; User = $Data.user; Password = $Password; RunLevel = 'Highest'; Force = $true }
    # Where the machine serves more than one job, its agent comes back after a restart.
    if (-not $Data.once) { $registration['Trigger'] = New-ScheduledTaskTrigger -AtStartup }
    Register-ScheduledTask @registration | Out-Null
    Start-ScheduledTask -TaskName $taskName
}

try {
    Enter-Step 'read the custom data and remove its copy'
    $data = Read-CustomData
    Enter-Step 'write the files of the agent'
    New-Item -ItemType Directory -Force -Path $agentFolder | Out-Null
    Protect-Folder $agentFolder $data.user
    foreach ($file in $data.files) { Write-AgentFile $file.name ([Convert]::FromBase64String($file.content)) }
    Use-ProxyOfImage
    Install-Agent $data.agentPackage
    Initialize-DataDisk $data.dataDisk
    New-WorkFolder $data.workFolder $data.user
    Write-SetupInfo
    Start-Agent $data (Reset-Account $data.user)
    Write-Line 'done'
    exit 0
} catch {
    Write-Line "FAILED: $script:step. $($_.Exception.Message) The agent does not start."
    exit 1
}
