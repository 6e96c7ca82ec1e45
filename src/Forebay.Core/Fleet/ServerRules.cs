using System.Net;
using Forebay.Core.Config;
using Forebay.Core.Limits.Following;
using Forebay.Core.Serving.Health;

namespace Forebay.Core.Fleet;

/// <summary>Rules over the settings of the server.</summary>
internal static class ServerRules
{
    public static void Check(ServerConfig server, List<ConfigProblem> problems)
    {
        IPEndPoint? api = CheckListener("server.api.listen", server.Api.Listen, problems);
        IPEndPoint? admin = CheckListener("server.admin.listen", server.Admin.Listen, problems);
        if (api is not null && api.Port != 0 && api.Equals(admin))
        {
            problems.Add(new ConfigProblem(
                "server.admin.listen",
                $"server.admin.listen is {server.Admin.Listen}, the same as server.api.listen, {server.Api.Listen}",
                "Give each its own port."));
        }

        GatewayConfig gateway = server.Gateway;
        if (gateway.MemoryBudgetBytes < gateway.MaxBodyBytes)
        {
            problems.Add(new ConfigProblem(
                "server.gateway.memory_budget_bytes",
                $"memory_budget_bytes is {gateway.MemoryBudgetBytes}, below max_body_bytes, which is "
                    + $"{gateway.MaxBodyBytes}: the largest request would never fit",
                "Raise memory_budget_bytes or lower max_body_bytes.") { OtherPath = "server.gateway.max_body_bytes" });
        }

        HealthRules.Check(server.Health, "server.health", problems);
        LimitsFollowRules.Check(server.LimitsFollow, "server.limits_follow", problems);
        ProxyRules.Check(gateway, problems);
        UrlRules.Check("server.batches.public_url", server.Batches.PublicUrl, UrlRules.Http, problems);
        UrlRules.Check("server.telemetry.otlp_endpoint", server.Telemetry.OtlpEndpoint, UrlRules.Http, problems);
    }

    private static IPEndPoint? CheckListener(string path, string? listen, List<ConfigProblem> problems)
    {
        IPEndPoint? address = null;
        if (listen is null || ListenAddress.TryParse(listen, out address))
        {
            return address;
        }

        problems.Add(new ConfigProblem(
            path,
            $"{Words.Quote(listen)} is not an address and a port",
            "Write it as 127.0.0.1:8080, [::1]:8080, localhost:8080 or *:8080."));
        return null;
    }
}
