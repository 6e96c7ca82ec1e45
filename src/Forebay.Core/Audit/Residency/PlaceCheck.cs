using System.Globalization;
using System.Text.Json;
using Forebay.Core.Serving.Permission;

namespace Forebay.Core.Audit.Residency;

/// <summary>
/// Checks a recorded place against recorded rules. Written apart from the code that routes and sharing none of it: it
/// reads the record alone, word by word, so that a defect there does not hide itself here.
/// </summary>
public static class PlaceCheck
{
    /// <summary>Every rule that a place breaks, in words; empty where it keeps them all. Null where the rules cannot be
    /// read, so that nothing is shown either way.</summary>
    public static IReadOnlyList<string>? Broken(PlaceEvidence at)
    {
        if (at.Content is not { Length: > 0 } content || PermissionContext.HashOf(content) != at.ContextHash)
        {
            return null;
        }

        try
        {
            using var rules = JsonDocument.Parse(content);
            JsonElement root = rules.RootElement;
            if (root.GetProperty("format").GetInt32() != 1)
            {
                return null;
            }

            var broken = new List<string>();
            if (root.GetProperty("model").GetString() != at.Model)
            {
                broken.Add($"the rules are those of model {root.GetProperty("model").GetString()}");
            }

            CheckResidency(root.GetProperty("residency"), at, broken);
            if (root.TryGetProperty("export", out JsonElement file))
            {
                CheckExport(file, at, broken);
            }

            if (root.TryGetProperty("export_denied", out JsonElement denied))
            {
                CheckDenied(denied, at, broken);
            }

            return broken;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException)
        {
            return null;
        }
    }

    /// <summary>The names of the rules, for totals: who gave each, and its policy.</summary>
    public static string PolicyOf(string? content)
    {
        try
        {
            using var rules = JsonDocument.Parse(content ?? "");
            return string.Join(" + ", rules.RootElement.GetProperty("residency").EnumerateArray().Select(NameOf));
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            return "";
        }
    }

    /// <summary>The number of the export mask in force; 0 where none ever was, -1 where it is not known.</summary>
    public static long ExportVersionOf(string? content)
    {
        try
        {
            using var rules = JsonDocument.Parse(content ?? "");
            return rules.RootElement.GetProperty("export_version").GetInt64();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException)
        {
            return -1;
        }
    }

    private static string NameOf(JsonElement rule)
    {
        string policy = rule.GetProperty("policy").GetString()!;
        return rule.GetProperty("from").GetString() switch
        {
            "tenant" => policy,
            "inference_geo" => "geo:" + policy,
            _ => $"{rule.GetProperty("name").GetString()}:{policy}",
        };
    }

    private static void CheckResidency(JsonElement rules, PlaceEvidence at, List<string> broken)
    {
        bool tenants = false;
        foreach (JsonElement rule in rules.EnumerateArray())
        {
            string from = rule.GetProperty("from").GetString()!;
            string name = $"{from} policy {rule.GetProperty("policy").GetString()}";
            tenants |= from == "tenant";
            if (!Holds(rule, "jurisdictions", at.Jurisdiction) && !Holds(rule, "jurisdictions", "*"))
            {
                broken.Add($"{name} does not allow jurisdiction {at.Jurisdiction}");
            }

            if (!Holds(rule, "site_kinds", at.SiteKind))
            {
                broken.Add($"{name} does not allow {at.SiteKind} sites");
            }
        }

        if (!tenants)
        {
            broken.Add("no policy of the tenant's is recorded");
        }
    }

    private static void CheckExport(JsonElement rule, PlaceEvidence at, List<string> broken)
    {
        if (Holds(rule, "deny_jurisdictions", at.Jurisdiction) || Misses(rule, "only_jurisdictions", at.Jurisdiction))
        {
            broken.Add($"the model's export rule does not allow jurisdiction {at.Jurisdiction}");
        }

        if (Holds(rule, "deny_site_kinds", at.SiteKind) || Misses(rule, "only_site_kinds", at.SiteKind))
        {
            broken.Add($"the model's export rule does not allow {at.SiteKind} sites");
        }

        bool untold = at.Country.Length == 0 && rule.GetProperty("deny_countries").GetArrayLength() > 0;
        if (untold || Holds(rule, "deny_countries", at.Country) || Misses(rule, "only_countries", at.Country))
        {
            broken.Add($"the model's export rule does not allow {Country(at)}");
        }
    }

    private static void CheckDenied(JsonElement denied, PlaceEvidence at, List<string> broken)
    {
        string version = string.Create(CultureInfo.InvariantCulture, $"export mask {ExportVersionOf(at.Content)}");
        if (denied.GetProperty("everywhere").GetBoolean())
        {
            broken.Add($"{version} denies every place");
        }

        if (Holds(denied, "jurisdictions", at.Jurisdiction))
        {
            broken.Add($"{version} denies jurisdiction {at.Jurisdiction}");
        }

        if (Holds(denied, "site_kinds", at.SiteKind))
        {
            broken.Add($"{version} denies {at.SiteKind} sites");
        }

        bool untold = at.Country.Length == 0 && denied.GetProperty("countries").GetArrayLength() > 0;
        if (untold || Holds(denied, "countries", at.Country))
        {
            broken.Add($"{version} denies {Country(at)}");
        }
    }

    private static string Country(PlaceEvidence at) =>
        at.Country.Length == 0 ? "a site that tells no country" : $"country {at.Country}";

    private static bool Holds(JsonElement rule, string list, string word)
    {
        foreach (JsonElement entry in rule.GetProperty(list).EnumerateArray())
        {
            if (entry.GetString() == word)
            {
                return true;
            }
        }

        return false;
    }

    private static bool Misses(JsonElement rule, string list, string word) =>
        rule.TryGetProperty(list, out _) && !Holds(rule, list, word);
}
