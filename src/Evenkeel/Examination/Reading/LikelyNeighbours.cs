using System.Globalization;

namespace Evenkeel.Examination;

/// <summary>
/// Which layer stands before a norm, guessed from names and order: <c>conv1</c> before <c>bn1</c>, <c>0</c> before
/// <c>1</c>, else the layer before it in the file. A layer whose outputs are not the norm's channels is not taken.
/// </summary>
internal static class LikelyNeighbours
{
    private static readonly string[] s_norms = ["batchnorm", "batch_norm", "norm", "bn"],
        s_linears = ["conv", "conv2d", "fc", "linear", "lin", "dense", "convolution"];

    /// <summary>The layers with what probably stands before each norm of a batch.</summary>
    public static IReadOnlyList<ExaminedLayer> Of(IReadOnlyList<ExaminedLayer> layers)
    {
        var byName = new Dictionary<string, ExaminedLinear>(StringComparer.Ordinal);
        foreach (ExaminedLinear layer in layers.OfType<ExaminedLinear>()) byName[layer.Name] = layer;
        var result = new List<ExaminedLayer>(layers.Count);
        ExaminedLinear? previous = null;
        foreach (ExaminedLayer layer in layers)
        {
            if (layer is ExaminedNorm { Family: NormFamily.Batch, Misfit: null } norm)
            {
                ExaminedLinear? before = NamesBefore(norm.Name)
                    .Select(name => byName.GetValueOrDefault(name)).Append(previous)
                    .FirstOrDefault(one => one?.Outputs == norm.Channels);
                result.Add(norm with { Before = before });
            }
            else
            {
                result.Add(layer);
            }

            previous = layer as ExaminedLinear;
        }

        return result;
    }

    private static IEnumerable<string> NamesBefore(string norm)
    {
        int dot = norm.LastIndexOf('.');
        string place = norm[..(dot + 1)], last = norm[(dot + 1)..];
        if (int.TryParse(last, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number > 0)
            yield return $"{place}{number - 1}";
        string? word = s_norms.FirstOrDefault(word => last.StartsWith(word, StringComparison.Ordinal));
        if (word is null) yield break;
        foreach (string linear in s_linears) yield return place + linear + last[word.Length..];
    }
}
