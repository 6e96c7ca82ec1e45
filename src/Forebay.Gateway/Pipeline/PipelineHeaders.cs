using Forebay.Core.Fleet;
using Forebay.Core.Serving;
using Microsoft.AspNetCore.Http;

namespace Forebay.Gateway.Pipeline;

/// <summary>Headers that the gateway itself sets.</summary>
internal static class PipelineHeaders
{
    public const string Backing = "x-forebay-backing";
    public const string Deployment = "x-forebay-deployment";
    public const string Provider = "x-forebay-provider";
    public const string Site = "x-forebay-site";
    public const string Attempts = "x-forebay-attempts";
    public const string Reason = "x-forebay-reason";
    public const string Dropped = "x-forebay-dropped";
    public const string Explain = "x-forebay-explain";
    public const string DataClass = "x-forebay-data-class";
    public const string InferenceGeo = "x-forebay-inference-geo";

    /// <summary>Both dialects' request-id headers, on every response.</summary>
    public static void RequestId(HttpContext http, string id)
    {
        http.Response.Headers["request-id"] = id;
        http.Response.Headers["x-request-id"] = id;
    }

    /// <summary>Where the answer comes from, and whether that is real.</summary>
    public static void Served(Exchange x, Deployment deployment, IHeaderDictionary headers)
    {
        headers[Backing] = deployment.Backing.Word();
        headers[Deployment] = deployment.Id;
        headers[Provider] = deployment.Provider.Id;
        headers[Site] = deployment.Site.Id;
        headers[Attempts] = x.Attempts.ToString();
        string translated = x.Foreign?[deployment.DialectFor(x.Dialect)]?.Dropped ?? "";
        if (translated.Length > 0 || x.LeftOut.Length > 0)
        {
            headers[Dropped] = translated.Length == 0 ? x.LeftOut
                : x.LeftOut.Length == 0 ? translated
                : $"{translated}, {x.LeftOut}";
        }
    }
}
