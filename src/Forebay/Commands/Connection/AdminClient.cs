using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Forebay.Control.Admin.Contract;
using Forebay.Core.Limits;

namespace Forebay.Commands.Connection;

/// <summary>The admin API, typed. Every failure becomes a <see cref="CommandException"/> with words for the user.
/// </summary>
public sealed class AdminClient(AdminEndpoint endpoint) : IDisposable
{
    private static readonly AdminJson Json = AdminJson.Default;

    private readonly HttpClient _http = AdminHttp.Create(endpoint);

    public Task<StatusView> StatusAsync(CancellationToken cancel) => GetAsync("v1/status", Json.StatusView, cancel);

    public Task<KeyListView> KeysAsync(CancellationToken cancel) => GetAsync("v1/keys", Json.KeyListView, cancel);

    public Task<IssuedKeyView> CreateKeyAsync(CreateKeyBody body, CancellationToken cancel) =>
        PostAsync("v1/keys", body, Json.CreateKeyBody, Json.IssuedKeyView, cancel);

    public Task<IssuedKeyView> RotateKeyAsync(string id, TimeSpan? overlap, CancellationToken cancel) => PostAsync(
        $"v1/keys/{Uri.EscapeDataString(id)}/rotate",
        new RotateKeyBody(overlap?.TotalSeconds),
        Json.RotateKeyBody,
        Json.IssuedKeyView,
        cancel);

    public Task<KeyView> RevokeKeyAsync(string id, CancellationToken cancel) =>
        PostAsync($"v1/keys/{Uri.EscapeDataString(id)}/revoke", Json.KeyView, cancel);

    public Task<TokenListView> TokensAsync(CancellationToken cancel) =>
        GetAsync("v1/tokens", Json.TokenListView, cancel);

    public Task<IssuedTokenView> CreateTokenAsync(CreateTokenBody body, CancellationToken cancel) =>
        PostAsync("v1/tokens", body, Json.CreateTokenBody, Json.IssuedTokenView, cancel);

    public Task<TokenView> RevokeTokenAsync(string id, CancellationToken cancel) =>
        PostAsync($"v1/tokens/{Uri.EscapeDataString(id)}/revoke", Json.TokenView, cancel);

    /// <param name="query">The query string without its question mark, escaped.</param>
    /// <param name="cancel">Gives up.</param>
    public Task<UsageView> UsageAsync(string query, CancellationToken cancel) =>
        GetAsync($"v1/usage?{query}", Json.UsageView, cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<string> UsageCsvAsync(string query, CancellationToken cancel) =>
        TextAsync($"v1/usage?{query}&format=csv", cancel);

    public Task<TenantLimitsView> LimitsAsync(string tenant, CancellationToken cancel) =>
        GetAsync($"v1/tenants/{Uri.EscapeDataString(tenant)}/limits", Json.TenantLimitsView, cancel);

    public Task<LimitHistoryView> LimitHistoryAsync(string tenant, int most, CancellationToken cancel) => GetAsync(
        $"v1/tenants/{Uri.EscapeDataString(tenant)}/limits/history?limit={most}", Json.LimitHistoryView, cancel);

    public Task<LimitsFollowingView> LimitsFollowingAsync(CancellationToken cancel) =>
        GetAsync("v1/limits/following", Json.LimitsFollowingView, cancel);

    public Task<LimitsFollowingView> ProposeLimitsAsync(CancellationToken cancel) =>
        PostAsync("v1/limits/proposals", Json.LimitsFollowingView, cancel);

    public Task<LimitProposalListView> LimitProposalsAsync(int most, CancellationToken cancel) =>
        GetAsync($"v1/limits/proposals?limit={most}", Json.LimitProposalListView, cancel);

    public Task<LimitVersionListView> LimitVersionsAsync(int most, CancellationToken cancel) =>
        GetAsync($"v1/limits/versions?limit={most}", Json.LimitVersionListView, cancel);

    public Task<LimitVersionView> ApplyLimitsAsync(long proposal, CancellationToken cancel) =>
        PostAsync($"v1/limits/proposals/{proposal}/apply", Json.LimitVersionView, cancel);

    public Task<LimitVersionView> RollBackLimitsAsync(RollbackLimitsBody body, CancellationToken cancel) =>
        PostAsync("v1/limits/rollback", body, Json.RollbackLimitsBody, Json.LimitVersionView, cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<BatchListView> BatchesAsync(string query, CancellationToken cancel) =>
        GetAsync($"v1/batches?{query}", Json.BatchListView, cancel);

    public Task<BatchView> BatchAsync(string id, CancellationToken cancel) =>
        GetAsync($"v1/batches/{Uri.EscapeDataString(id)}", Json.BatchView, cancel);

    public Task<BatchView> CancelBatchAsync(string id, CancellationToken cancel) =>
        PostAsync($"v1/batches/{Uri.EscapeDataString(id)}/cancel", Json.BatchView, cancel);

    public Task<AuditListView> AuditAsync(long after, int limit, CancellationToken cancel) =>
        GetAsync($"v1/audit?after={after}&limit={limit}", Json.AuditListView, cancel);

    public Task<AuditVerifyView> VerifyAuditAsync(CancellationToken cancel) =>
        GetAsync("v1/audit/verify", Json.AuditVerifyView, cancel);

    public Task<ExplanationView> ExplainAsync(string id, CancellationToken cancel) =>
        GetAsync($"v1/explain/{Uri.EscapeDataString(id)}", Json.ExplanationView, cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<ExplainListView> ExplanationsAsync(string query, CancellationToken cancel) =>
        GetAsync($"v1/explain?{query}", Json.ExplainListView, cancel);

    public Task<WatchView> WatchAsync(string tenant, double? seconds, CancellationToken cancel) => PostAsync(
        $"v1/explain/tenants/{Uri.EscapeDataString(tenant)}",
        new WatchBody(seconds),
        Json.WatchBody,
        Json.WatchView,
        cancel);

    public Task<ExportView> ExportAsync(string model, CancellationToken cancel) =>
        GetAsync($"v1/models/{Uri.EscapeDataString(model)}/export", Json.ExportView, cancel);

    /// <param name="model">Id or alias of the model.</param>
    /// <param name="query">Escaped query string.</param>
    /// <param name="cancel">Gives up.</param>
    public Task<CurveView> CurveAsync(string model, string query, CancellationToken cancel) =>
        GetAsync($"v1/models/{Uri.EscapeDataString(model)}/curve?{query}", Json.CurveView, cancel);

    public Task<RolloutView> RolloutAsync(string model, CancellationToken cancel) =>
        GetAsync($"v1/models/{Uri.EscapeDataString(model)}/rollout", Json.RolloutView, cancel);

    public Task<RolloutView> StartRolloutAsync(string model, RolloutBody body, CancellationToken cancel) => PostAsync(
        $"v1/models/{Uri.EscapeDataString(model)}/rollout", body, Json.RolloutBody, Json.RolloutView, cancel);

    /// <param name="model">Id or alias of the model.</param>
    /// <param name="change">pause or resume.</param>
    /// <param name="cancel">Gives up.</param>
    public Task<RolloutView> ChangeRolloutAsync(string model, string change, CancellationToken cancel) =>
        PostAsync($"v1/models/{Uri.EscapeDataString(model)}/rollout/{change}", Json.RolloutView, cancel);

    public Task<RolloutView> RollBackAsync(string model, RollBackBody body, CancellationToken cancel) => PostAsync(
        $"v1/models/{Uri.EscapeDataString(model)}/rollout/rollback",
        body,
        Json.RollBackBody,
        Json.RolloutView,
        cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<RolloutListView> RolloutsAsync(string query, CancellationToken cancel) =>
        GetAsync($"v1/rollouts?{query}", Json.RolloutListView, cancel);

    public Task<ExportView> ChangeExportAsync(string model, ExportBody body, CancellationToken cancel) => PostAsync(
        $"v1/models/{Uri.EscapeDataString(model)}/export", body, Json.ExportBody, Json.ExportView, cancel);

    public Task<WithdrawalListView> WithdrawalsAsync(CancellationToken cancel) =>
        GetAsync("v1/withdrawals", Json.WithdrawalListView, cancel);

    public Task<WithdrawalView> WithdrawalAsync(string id, CancellationToken cancel) =>
        GetAsync($"v1/withdrawals/{Uri.EscapeDataString(id)}", Json.WithdrawalView, cancel);

    public Task<WithdrawalView> WithdrawAsync(WithdrawalBody body, CancellationToken cancel) =>
        PostAsync("v1/withdrawals", body, Json.WithdrawalBody, Json.WithdrawalView, cancel);

    public Task<WithdrawalView> ReturnAsync(string id, CancellationToken cancel) =>
        PostAsync($"v1/withdrawals/{Uri.EscapeDataString(id)}/return", Json.WithdrawalView, cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<ConcentrationView> ConcentrationAsync(string query, CancellationToken cancel) =>
        GetAsync($"v1/concentration?{query}", Json.ConcentrationView, cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<string> ConcentrationCsvAsync(string query, CancellationToken cancel) =>
        TextAsync($"v1/concentration?{query}&format=csv", cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<ResidencyView> ResidencyAsync(string query, CancellationToken cancel) =>
        GetAsync($"v1/audit/residency?{query}", Json.ResidencyView, cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<string> ResidencyCsvAsync(string query, CancellationToken cancel) =>
        TextAsync($"v1/audit/residency?{query}&format=csv", cancel);

    public Task<ReplicaListView> ReplicasAsync(string? model, string? pool, CancellationToken cancel)
    {
        string[] query =
        [
            .. model is null ? (string[])[] : [$"model={Uri.EscapeDataString(model)}"],
            .. pool is null ? (string[])[] : [$"pool={Uri.EscapeDataString(pool)}"],
        ];
        return GetAsync($"v1/replicas?{string.Join('&', query)}", Json.ReplicaListView, cancel);
    }

    public Task<ReplicaView> ReplicaAsync(string id, CancellationToken cancel) =>
        GetAsync($"v1/replicas/{Uri.EscapeDataString(id)}", Json.ReplicaView, cancel);

    public Task<ReplicaLogView> ReplicaLogAsync(string id, int lines, long? generation, CancellationToken cancel) =>
        GetAsync(
            $"v1/replicas/{Uri.EscapeDataString(id)}/logs?lines={lines}"
                + (generation is { } of ? $"&generation={of}" : ""),
            Json.ReplicaLogView,
            cancel);

    public Task<ReplicaView> StopReplicaAsync(string id, CancellationToken cancel) =>
        PostAsync($"v1/replicas/{Uri.EscapeDataString(id)}/stop", Json.ReplicaView, cancel);

    public Task<ReplicaView> RestartReplicaAsync(string id, CancellationToken cancel) =>
        PostAsync($"v1/replicas/{Uri.EscapeDataString(id)}/restart", Json.ReplicaView, cancel);
    public Task<RegisterView> RegisterAsync(CancellationToken cancel) =>
        GetAsync("v1/provider-register", Json.RegisterView, cancel);

    public Task<string> RegisterCsvAsync(CancellationToken cancel) =>
        TextAsync("v1/provider-register?format=csv", cancel);

    public Task<PlacementStateView> PlacementAsync(CancellationToken cancel) =>
        GetAsync("v1/placement", Json.PlacementStateView, cancel);

    public Task<PartnerListView> PartnersAsync(CancellationToken cancel) =>
        GetAsync("v1/providers", Json.PartnerListView, cancel);

    public Task<PartnerView> PartnerAsync(string id, CancellationToken cancel) =>
        GetAsync($"v1/providers/{Uri.EscapeDataString(id)}", Json.PartnerView, cancel);

    /// <summary>Gives an onboarding file in; a file with problems is an answer, not a failure.</summary>
    public Task<OnboardView> OnboardAsync(OnboardBody body, CancellationToken cancel) =>
        PostAsync("v1/providers", body, Json.OnboardBody, Json.OnboardView, cancel);

    public Task<PartnerView> SignPartnerAsync(string id, SignBody body, CancellationToken cancel) => PostAsync(
        $"v1/providers/{Uri.EscapeDataString(id)}/sign", body, Json.SignBody, Json.PartnerView, cancel);

    /// <param name="id">The partner.</param>
    /// <param name="step"><c>connect</c>, <c>accept</c>, <c>drain</c> or <c>exit</c>.</param>
    /// <param name="cancel">Gives up.</param>
    public Task<PartnerView> StepPartnerAsync(string id, string step, CancellationToken cancel) =>
        PostAsync($"v1/providers/{Uri.EscapeDataString(id)}/{step}", Json.PartnerView, cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<CapacityView> CapacityAsync(string query, CancellationToken cancel) =>
        GetAsync($"v1/capacity?{query}", Json.CapacityView, cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<LeaseListView> LeasesAsync(string query, CancellationToken cancel) =>
        GetAsync($"v1/capacity/leases?{query}", Json.LeaseListView, cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<StatementView> CapacityHoursAsync(string query, CancellationToken cancel) =>
        GetAsync($"v1/capacity/hours?{query}", Json.StatementView, cancel);

    /// <inheritdoc cref="UsageAsync"/>
    public Task<string> CapacityHoursCsvAsync(string query, CancellationToken cancel) =>
        TextAsync($"v1/capacity/hours?{query}&format=csv", cancel);

    public Task<EvidenceView> EvidenceAsync(EvidenceBody body, CancellationToken cancel) =>
        PostAsync("v1/capacity/evidence", body, Json.EvidenceBody, Json.EvidenceView, cancel);

    public Task<ReconciliationView> ReconcileAsync(string invoice, CancellationToken cancel) => PostAsync(
        "v1/capacity/reconcile", new ReconcileBody(invoice), Json.ReconcileBody, Json.ReconciliationView, cancel);

    /// <summary>Has the fleet file read again; a file with problems is an answer, not a failure.</summary>
    public Task<ReloadView> ReloadAsync(CancellationToken cancel) => PostAsync("v1/reload", Json.ReloadView, cancel);

    public Task<BackupView> BackupOnServerAsync(string name, CancellationToken cancel) =>
        PostAsync("v1/backup", new BackupBody(name), Json.BackupBody, Json.BackupView, cancel);

    /// <summary>Has a backup made and streams it; returns the SHA-256 the server says it has.</summary>
    public async Task<string> BackupToAsync(Stream target, CancellationToken cancel)
    {
        using HttpResponseMessage response = await SendAsync(
            new HttpRequestMessage(HttpMethod.Post, "v1/backup"), cancel).ConfigureAwait(false);
        try
        {
            await response.Content.CopyToAsync(target, cancel).ConfigureAwait(false);
        }
        catch (HttpRequestException e)
        {
            throw new CommandException($"The backup was cut off ({e.Message}). Try again.", e);
        }

        return response.Headers.TryGetValues("x-content-sha256", out IEnumerable<string>? values)
            ? values.First()
            : throw new CommandException("The server sent no checksum with the backup; is it a Forebay server?");
    }

    public void Dispose() => _http.Dispose();

    private async Task<string> TextAsync(string path, CancellationToken cancel)
    {
        using HttpResponseMessage response = await SendAsync(
            new HttpRequestMessage(HttpMethod.Get, path), cancel).ConfigureAwait(false);
        return await response.Content.ReadAsStringAsync(cancel).ConfigureAwait(false);
    }

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancel)
    {
        using HttpResponseMessage response = await SendAsync(
            new HttpRequestMessage(HttpMethod.Get, path), cancel).ConfigureAwait(false);
        return await ReadAsync(response, type, cancel).ConfigureAwait(false);
    }

    private async Task<T> PostAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancel)
    {
        using HttpResponseMessage response = await SendAsync(
            new HttpRequestMessage(HttpMethod.Post, path), cancel).ConfigureAwait(false);
        return await ReadAsync(response, type, cancel).ConfigureAwait(false);
    }

    private async Task<T> PostAsync<TBody, T>(
        string path,
        TBody body,
        JsonTypeInfo<TBody> bodyType,
        JsonTypeInfo<T> type,
        CancellationToken cancel)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body, bodyType) };
        using HttpResponseMessage response = await SendAsync(request, cancel).ConfigureAwait(false);
        return await ReadAsync(response, type, cancel).ConfigureAwait(false);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancel)
    {
        HttpResponseMessage response;
        try
        {
            using (request)
            {
                response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancel)
                    .ConfigureAwait(false);
            }
        }
        catch (HttpRequestException e)
        {
            throw new CommandException(Unreachable(e), e);
        }

        if (response.IsSuccessStatusCode || (response.StatusCode == HttpStatusCode.UnprocessableEntity
            && response.Content.Headers.ContentType?.MediaType == "application/json"))
        {
            return response;
        }

        using (response)
        {
            throw await FailureAsync(response, cancel).ConfigureAwait(false);
        }
    }

    private string Unreachable(HttpRequestException e) => e.HttpRequestError switch
    {
        HttpRequestError.SecureConnectionError =>
            $"{endpoint.Url} presents a certificate that is not trusted here: {e.InnerException?.Message ?? e.Message}",
        _ when endpoint.Server is { } server =>
            $"Nothing answers at {endpoint.Url}, where process {server.Pid} should serve ({e.Message}). " +
            "If it is gone, start the server again with `forebay up`.",
        _ => $"Nothing answers at {endpoint.Url} ({e.Message}). Check the address and that the server runs.",
    };

    private async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancel)
    {
        try
        {
            return await response.Content.ReadFromJsonAsync(type, cancel).ConfigureAwait(false)
                ?? throw new JsonException("The answer is null.");
        }
        catch (Exception e) when (e is JsonException or HttpRequestException)
        {
            throw new CommandException(
                $"{endpoint.Url} does not answer as an admin API does ({e.Message}). Is it the admin address, and is " +
                "this program as new as the server?", e);
        }
    }

    private async Task<CommandException> FailureAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        MediaTypeHeaderValue? media = response.Content.Headers.ContentType;
        if (media?.MediaType != "application/problem+json")
        {
            return new CommandException(
                $"{endpoint.Url} answered {(int)response.StatusCode}. Is it the admin address of a Forebay server?");
        }

        ProblemView problem = await ReadAsync(response, Json.ProblemView, cancel).ConfigureAwait(false);
        IEnumerable<string> fields = (problem.Errors ?? []).Select(f => $"  {f.Field} {f.Message} {f.Fix}");
        return new CommandException(string.Join('\n', fields.Prepend($"{problem.Title}: {problem.Detail}"))
            + (problem.Status >= 500 ? $"\n  request id {problem.RequestId}" : ""));
    }
}
