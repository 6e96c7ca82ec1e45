using System.Collections.Immutable;

namespace Forebay.Executors.Local;

/// <summary>How processes of this machine are run.</summary>
public sealed record LocalProcessOptions
{
    /// <summary>Where records, logs and working folders are kept; made with mode 0700.</summary>
    public required string Folder { get; init; }

    /// <summary>The address that engines are reached at.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>Variables passed on from this process, or beginnings of their names with a <c>*</c>. All others stay
    /// here: this process knows secrets that no engine needs.</summary>
    public ImmutableArray<string> PassedOn { get; init; } =
    [
        "PATH", "HOME", "USER", "LANG", "LC_*", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "CUDA_*", "NVIDIA_*", "ROCR_*",
        "HIP_*", "NCCL_*", "DOTNET_ROOT*", "DOTNET_CLI_HOME", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy",
        "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
    ];

    /// <summary>How long a process may take from its start until it says which process it is.</summary>
    public TimeSpan BeginDeadline { get; init; } = TimeSpan.FromSeconds(20);
}
