using System.Text.Json.Serialization;
using Forebay.Core.Limits;

namespace Forebay.Control.Admin.Contract;

/// <summary>Source-generated JSON of the admin API: snake_case, absent instead of null.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(KeyListView))]
[JsonSerializable(typeof(KeyView))]
[JsonSerializable(typeof(IssuedKeyView))]
[JsonSerializable(typeof(CreateKeyBody))]
[JsonSerializable(typeof(RotateKeyBody))]
[JsonSerializable(typeof(TokenListView))]
[JsonSerializable(typeof(TokenView))]
[JsonSerializable(typeof(IssuedTokenView))]
[JsonSerializable(typeof(CreateTokenBody))]
[JsonSerializable(typeof(LiveView))]
[JsonSerializable(typeof(ReadyView))]
[JsonSerializable(typeof(StatusView))]
[JsonSerializable(typeof(ReloadView))]
[JsonSerializable(typeof(BackupBody))]
[JsonSerializable(typeof(BackupView))]
[JsonSerializable(typeof(UsageView))]
[JsonSerializable(typeof(TenantLimitsView))]
[JsonSerializable(typeof(LimitHistoryView))]
[JsonSerializable(typeof(AuditListView))]
[JsonSerializable(typeof(AuditVerifyView))]
[JsonSerializable(typeof(ReasonListView))]
[JsonSerializable(typeof(ProblemView))]
[JsonSerializable(typeof(ExplanationView))]
[JsonSerializable(typeof(ExplainListView))]
[JsonSerializable(typeof(WatchBody))]
[JsonSerializable(typeof(WatchView))]
[JsonSerializable(typeof(ExportBody))]
[JsonSerializable(typeof(ExportView))]
[JsonSerializable(typeof(ResidencyView))]
[JsonSerializable(typeof(ReplicaListView))]
[JsonSerializable(typeof(ReplicaLogView))]
public sealed partial class AdminJson : JsonSerializerContext;
