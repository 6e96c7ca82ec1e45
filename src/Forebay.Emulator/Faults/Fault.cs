using System.Globalization;

namespace Forebay.Emulator.Faults;

/// <summary>What goes wrong on request.</summary>
public enum FaultKind : byte
{
    /// <summary>An error of that status at once.</summary>
    Status,

    /// <summary>Nothing more after a number of events; the connection stays open.</summary>
    Stall,

    /// <summary>Tokens come several times slower than the engine makes them.</summary>
    Slow,

    /// <summary>The connection is closed after a number of events.</summary>
    Cut,

    /// <summary>Bytes that are neither events nor JSON.</summary>
    Garbage,

    /// <summary>The body ends in the middle of an event.</summary>
    HalfEvent,

    /// <summary>A content-length larger than the body.</summary>
    WrongLength,

    /// <summary>Status 200 without a body.</summary>
    Empty,
}

/// <summary>
/// A fault: <c>429</c>, <c>429-retry-after=2</c>, <c>500</c>, <c>503</c>, <c>529</c>, <c>stall=0</c>, <c>slow=10</c>,
/// <c>cut=3</c>, <c>garbage=1</c>, <c>half-event=3</c>, <c>wrong-length</c> or <c>empty</c>, each with an optional
/// number as shown and an optional probability: <c>500@0.1</c>.
/// </summary>
/// <param name="Kind">What goes wrong.</param>
/// <param name="Status">The status of <see cref="FaultKind.Status"/>.</param>
/// <param name="Amount">Events before it happens, the factor of <see cref="FaultKind.Slow"/>, or seconds of
/// retry-after; negative for no retry-after.</param>
/// <param name="Probability">The share of requests it happens to.</param>
public readonly record struct Fault(FaultKind Kind, int Status, double Amount, double Probability)
{
    public static bool TryParse(string text, out Fault fault, out string? problem)
    {
        fault = default;
        problem = null;
        string[] parts = text.Split('@');
        string[] words = parts[0].Trim().Split('=');
        double probability = 1;
        double amount = double.NaN;
        if (parts.Length > 2 || words.Length > 2
            || (parts.Length == 2 && !TryNumber(parts[1], out probability))
            || probability is not (>= 0 and <= 1)
            || (words.Length == 2 && !TryNumber(words[1], out amount))
            || amount < 0 || amount > 1_000_000)
        {
            problem = $"fault \"{text}\" is not NAME, NAME=NUMBER or NAME=NUMBER@PROBABILITY (0 to 1).";
            return false;
        }

        Fault? named = words[0] switch
        {
            "429" or "500" or "503" or "529" => new(FaultKind.Status, int.Parse(words[0]), -1, probability),
            "429-retry-after" => new(FaultKind.Status, 429, Or(amount, 1), probability),
            "stall" => new(FaultKind.Stall, 0, Or(amount, 0), probability),
            "slow" => new(FaultKind.Slow, 0, Math.Max(1, Or(amount, 10)), probability),
            "cut" => new(FaultKind.Cut, 0, Or(amount, 3), probability),
            "garbage" => new(FaultKind.Garbage, 0, Or(amount, 1), probability),
            "half-event" => new(FaultKind.HalfEvent, 0, Or(amount, 3), probability),
            "wrong-length" => new(FaultKind.WrongLength, 0, 0, probability),
            "empty" => new(FaultKind.Empty, 0, 0, probability),
            _ => null,
        };
        if (named is null)
        {
            problem = $"fault \"{text}\" is not known: use 429, 429-retry-after, 500, 503, 529, stall, slow, cut, "
                + "garbage, half-event, wrong-length or empty.";
        }

        fault = named ?? default;
        return named is not null;
    }

    /// <summary>Whether it happens to a request: the same answer for the same seed and request number.</summary>
    public bool Strikes(ulong seed, long request)
    {
        if (Probability >= 1)
        {
            return true;
        }

        ulong mixed = Mixing.Mix(seed, (ulong)request);
        return (mixed >> 11) * (1.0 / (1UL << 53)) < Probability;
    }

    private static double Or(double amount, double otherwise) => double.IsNaN(amount) ? otherwise : amount;

    private static bool TryNumber(string text, out double number) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);
}
