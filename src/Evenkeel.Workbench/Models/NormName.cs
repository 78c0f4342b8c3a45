using System.Globalization;
using Evenkeel.Nn;

namespace Evenkeel.Workbench.Models;

/// <summary>
/// Norms by name, as the command line has them: <c>batch</c>, <c>layer</c>, <c>instance</c>, <c>rms</c>, <c>none</c>,
/// <c>group:8</c>; with constants <c>batch:eps=1e-3,momentum=0.01</c> and <c>group:8,eps=1e-3</c>.
/// </summary>
public static class NormName
{
    private const string Group = "group";

    /// <summary>The names, for help and errors.</summary>
    public static IReadOnlyList<string> Names { get; } = ["batch", "group:8", "layer", "instance", "rms", "none"];

    /// <summary>The kind of a name.</summary>
    /// <param name="text">The name, in any case of letters, with its constants.</param>
    /// <exception cref="ArgumentException">There is no such norm, or a constant is unknown or out of range.</exception>
    public static NormKind Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string name = (colon < 0 ? text : text[..colon]).Trim().ToLowerInvariant();
        string[] parts = colon < 0
            ? []
            : text[(colon + 1)..].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        int? groups = null;
        double? eps = null, momentum = null;
        foreach (string part in parts)
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? "groups" : part[..equals].Trim().ToLowerInvariant(), value = part[(equals + 1)..];
            switch (key)
            {
                case "groups" when int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int count):
                    groups = count;
                    break;
                case "eps":
                    eps = Number(text, key, value);
                    break;
                case "momentum":
                    momentum = Number(text, key, value);
                    break;
                default:
                    string[] keys = ["groups", "eps", "momentum"];
                    throw Wrong(text, $"expected {string.Join(", ", keys)} behind the colon, as group:8 or "
                        + $"batch:eps=1e-3,momentum=0.01, got {part}.{NearestName.Hint(key, keys)}");
            }
        }

        NormKind kind = name switch
        {
            "none" => NormKind.None,
            "batch" => NormKind.BatchNorm,
            "layer" => NormKind.LayerNorm,
            "instance" => NormKind.InstanceNorm,
            "rms" => NormKind.RMSNorm,
            Group => NormKind.GroupNorm(groups
                ?? throw Wrong(text, "expected the number of groups, as group:8, got none.")),
            _ => throw Wrong(text, $"expected {string.Join(", ", Names)}, got {name}."
                + NearestName.Hint(name, ["batch", Group, "layer", "instance", "rms", "none"])),
        };
        if (groups is not null && name != Group)
            throw Wrong(text, $"expected groups for group norm alone, got {groups}.");
        return eps is null && momentum is null ? kind : kind.With(eps, momentum);
    }

    private static double Number(string text, string key, string value) =>
        double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number)
            ? number
            : throw Wrong(text, $"expected a number for {key}, got {value}.");

    private static ArgumentException Wrong(string text, string message) => new($"norm {text}: {message}", nameof(text));
}
