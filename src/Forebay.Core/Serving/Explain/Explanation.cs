using Forebay.Core.Serving.Routing;

namespace Forebay.Core.Serving.Explain;

/// <summary>Why the story of a request was kept.</summary>
public enum ExplainCause : byte
{
    /// <summary>By chance.</summary>
    Sampled,

    /// <summary>An operator asked for those of its tenant.</summary>
    Tenant,

    /// <summary>The request asked, and its tenant may.</summary>
    Asked,

    /// <summary>It failed.</summary>
    Failed,

    /// <summary>An attempt failed and it was tried elsewhere.</summary>
    Retried,

    /// <summary>Its answer was continued elsewhere.</summary>
    Continued,
}

/// <summary>What one deployment of the model was, seen from the rules.</summary>
/// <param name="Deployment">The deployment.</param>
/// <param name="Site">Where it is.</param>
/// <param name="Jurisdiction">Its jurisdiction.</param>
/// <param name="ExcludedBy">What keeps the request from it; null for nothing.</param>
public sealed record PolicedCandidate(string Deployment, string Site, string Jurisdiction, string? ExcludedBy);

/// <summary>One step in the story of a request.</summary>
/// <param name="AtMs">Time since it was accepted.</param>
/// <param name="Step">police, limits, queue, route, attempt or end.</param>
/// <param name="Text">What came of it.</param>
/// <param name="Policed">For police: every deployment of the model.</param>
/// <param name="Rules">For police: the rules it was decided on, as recorded.</param>
/// <param name="Route">For route: the decision.</param>
public sealed record ExplainStep(
    double AtMs,
    string Step,
    string Text,
    IReadOnlyList<PolicedCandidate>? Policed = null,
    string? Rules = null,
    RouteDecision? Route = null);

/// <summary>
/// The story of one request, step by step. Written by the request alone; read once it is kept. Holds no prompt, answer
/// or secret.
/// </summary>
public sealed class Explanation(UInt128 requestId, long acceptedUnixMs, ExplainCause cause, bool late)
{
    /// <summary>Most steps of one story; what would come after is left out.</summary>
    public const int MaxSteps = 64;

    private const int BytesOfStory = 256;
    private const int BytesOfStep = 128;
    private const int BytesOfCandidate = 200;

    private readonly List<ExplainStep> _steps = [];

    public UInt128 RequestId => requestId;

    public long AcceptedUnixMs => acceptedUnixMs;

    public ExplainCause Cause => cause;

    /// <summary>It was begun only when something failed: decisions made before that are not in it.</summary>
    public bool Late => late;

    public string Tenant { get; init; } = "";

    public string Key { get; init; } = "";

    public string Model { get; init; } = "";

    public IReadOnlyList<ExplainStep> Steps => _steps;

    /// <summary>About what it takes in memory.</summary>
    public long Bytes { get; private set; } = BytesOfStory;

    public void Add(ExplainStep step)
    {
        // While a request waits, whoever frees a place may look for one for it, on another thread.
        lock (_steps)
        {
            if (_steps.Count == MaxSteps)
            {
                return;
            }

            _steps.Add(step);
            Bytes += BytesOfStep + 2 * (step.Text.Length + (step.Rules?.Length ?? 0))
                + BytesOfCandidate * ((step.Policed?.Count ?? 0) + (step.Route?.Candidates.Count ?? 0));
        }
    }
}
