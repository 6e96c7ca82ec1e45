using Forebay.Core.Config;

namespace Forebay.Core.Batches;

/// <summary>Batches and the files they are made from (docs/reference/batches.md).</summary>
public sealed record BatchesConfig
{
    [ConfigKey("The key that contents are encrypted with: 32 bytes in hex or base64. A key file in the data " +
        "directory is made when left out.", Secret = true, NeedsRestart = true, Example = "env:FOREBAY_BATCH_KEY")]
    public string? Key { get; init; }

    [ConfigKey("Most items that run at once, over all batches; 0 stops running them.", Minimum = 0, Maximum = 100_000)]
    public int MaxConcurrency { get; init; } = 64;

    [ConfigKey("Share of a model's places that items leave free for other requests; one place may always be used " +
        "while nothing else is served.", Minimum = 0, Maximum = 1)]
    public double ReserveShare { get; init; } = 0.1;

    [ConfigKey("Most times that an item is tried that fails for a reason that may pass.", Minimum = 1, Maximum = 100)]
    public int ItemAttempts { get; init; } = 5;

    [ConfigKey("Most bytes of batches and files that a tenant may have stored, unless its tier says otherwise.",
        Minimum = 0)]
    public long MaxTenantBytes { get; init; } = 10_737_418_240;

    [ConfigKey("Most files that a tenant may have.", Minimum = 1, Maximum = 1_000_000)]
    public int MaxTenantFiles { get; init; } = 10_000;

    [ConfigKey("Days after a batch of messages was made that its results are removed.", Minimum = 1, Maximum = 3650)]
    public double ResultsDays { get; init; } = 29;

    [ConfigKey("Days after which a file is removed that says nothing else of itself.", Minimum = 1, Maximum = 3650)]
    public double FileDays { get; init; } = 30;

    [ConfigKey("Most uploads of batches and files that are taken at once.", Minimum = 1, Maximum = 10_000)]
    public int MaxUploads { get; init; } = 8;

    [ConfigKey("Time for a client to send a whole batch or file.", Minimum = 1, Maximum = 86_400)]
    public double UploadTimeoutSeconds { get; init; } = 900;

    [ConfigKey("Origin that clients reach the API at, for URLs in answers; the one a request came to when left out.",
        Example = "https://api.example.com")]
    public Uri? PublicUrl { get; init; }
}
