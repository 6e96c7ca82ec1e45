using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Forebay.Core.Capacity;

namespace Forebay.Core.Serving.Permission;

/// <summary>
/// What a decision about places was made on, as kept for the proof: every rule in full, so that it can be checked again
/// by somebody who has nothing else. One object for all requests under the same rules.
/// </summary>
/// <param name="Hash">First half of the SHA-256 of the content; its name in records.</param>
/// <param name="Content">The rules as JSON; empty where only the hash is known.</param>
public sealed record PermissionContext(UInt128 Hash, string Content)
{
    /// <summary>Version of the content's form.</summary>
    public const int Format = 1;

    /// <summary>Writes down the rules for a model. Cost: some microseconds, once per combination in force.</summary>
    public static PermissionContext Of(
        ModelConfig model, in PermissionRules rules, ExportDenials export)
    {
        var bytes = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteNumber("format", Format);
            json.WriteString("model", model.Id);
            json.WriteStartArray("residency");
            Write(json, "tenant", null, rules.Residency ?? ResidencyRule.Default);
            Write(json, "key_data_class", rules.KeyClass?.Id, rules.KeyClass?.Policy);
            Write(json, "data_class", rules.DataClass?.Id, rules.DataClass?.Policy);
            Write(json, "inference_geo", rules.Geography?.Id, rules.Geography?.Policy);
            json.WriteEndArray();
            Write(json, model.Export);
            Write(json, export);
            json.WriteEndObject();
        }

        string content = Encoding.UTF8.GetString(bytes.WrittenSpan);
        return new PermissionContext(HashOf(content), content);
    }

    public static UInt128 HashOf(string content) =>
        BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(content)));

    private static void Write(Utf8JsonWriter json, string from, string? name, ResidencyPolicyConfig? policy)
    {
        if (policy is null)
        {
            return;
        }

        json.WriteStartObject();
        json.WriteString("from", from);
        if (name is not null)
        {
            json.WriteString("name", name);
        }

        json.WriteString("policy", policy.Id);
        Write(json, "jurisdictions", policy.Jurisdictions);
        Write(json, "site_kinds", policy.SiteKinds.Select(k => k.Word()));
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ExportRuleConfig? file)
    {
        if (file is null)
        {
            return;
        }

        json.WriteStartObject("export");
        Write(json, "deny_jurisdictions", file.DenyJurisdictions);
        Write(json, "deny_countries", file.DenyCountries);
        Write(json, "deny_site_kinds", file.DenySiteKinds.Select(k => k.Word()));
        Write(json, "only_jurisdictions", file.OnlyJurisdictions);
        Write(json, "only_countries", file.OnlyCountries);
        Write(json, "only_site_kinds", file.OnlySiteKinds?.Select(k => k.Word()));
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, ExportDenials api)
    {
        json.WriteNumber("export_version", api.Version);
        if (api.IsEmpty)
        {
            return;
        }

        json.WriteStartObject("export_denied");
        json.WriteBoolean("everywhere", api.Everywhere);
        Write(json, "jurisdictions", api.Jurisdictions);
        Write(json, "countries", api.Countries);
        Write(json, "site_kinds", api.SiteKinds.Select(k => k.Word()));
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, IEnumerable<string>? values)
    {
        if (values is null)
        {
            return;
        }

        json.WriteStartArray(name);
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }
}
