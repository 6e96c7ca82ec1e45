using Forebay.Core.Errors;
using Forebay.TestKit.Providers;
using Xunit;

namespace Forebay.FunctionalTests.Providers.Conformance;

/// <summary>What goes wrong at providers before the first byte, and the one reason each comes to.</summary>
public static class ProviderFaults
{
    /// <summary>Each by name, whole and streamed.</summary>
    public static TheoryData<string, bool> Known => new(
        from fault in ByName.Keys from stream in (bool[])[false, true] select (fault, stream));

    public static IReadOnlyDictionary<string, (ProviderFault Fault, Reason Reason)> ByName { get; } =
        new Dictionary<string, (ProviderFault Fault, Reason Reason)>
    {
        ["401"] = (new ProviderFault.Status(401, "authentication_error"), Reason.UpstreamAccount),
        ["402"] = (new ProviderFault.Status(402, "billing_error"), Reason.UpstreamAccount),
        ["429"] = (new ProviderFault.Status(429, "rate_limit_error"), Reason.UpstreamAccount),
        ["429 with retry-after"] = (
            new ProviderFault.Status(429, "rate_limit_error", RetryAfter: "7"), Reason.UpstreamAccount),
        ["429 with retry-after-ms"] = (
            new ProviderFault.Status(429, "rate_limit_error", RetryAfterMs: "1500"), Reason.UpstreamAccount),
        ["429 of Google's"] = (
            new ProviderFault.Status(429, "RESOURCE_EXHAUSTED", FaultEnvelope.Google), Reason.UpstreamAccount),
        ["500"] = (new ProviderFault.Status(500), Reason.UpstreamUnavailable),
        ["502 in HTML"] = (new ProviderFault.Status(502, Envelope: FaultEnvelope.Html), Reason.UpstreamUnavailable),
        ["503"] = (new ProviderFault.Status(503, "UNAVAILABLE", FaultEnvelope.Google), Reason.UpstreamOverloaded),
        ["504"] = (new ProviderFault.Status(504, "timeout_error"), Reason.UpstreamTimeout),
        ["529"] = (new ProviderFault.Status(529, "overloaded_error"), Reason.UpstreamOverloaded),
        ["wrong dialect"] = (new ProviderFault.WrongDialect(), Reason.UpstreamProtocol),
        ["cut"] = (new ProviderFault.Cut(), Reason.UpstreamCut),
    };
}
