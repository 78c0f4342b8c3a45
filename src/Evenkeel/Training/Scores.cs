using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Evenkeel.Training;

/// <summary>
/// The loss of a model on some data and its metrics, by name: <c>scores["accuracy"]</c>. They print as
/// <c>loss 0.1234, accuracy 0.9510</c>.
/// </summary>
public sealed class Scores : IReadOnlyDictionary<string, double>
{
    /// <summary>The name of the loss among the scores.</summary>
    public const string LossName = "loss";

    private readonly string[] _names;
    private readonly double[] _values;

    internal Scores(IEnumerable<string> names, IEnumerable<double> values) =>
        (_names, _values) = ([.. names], [.. values]);

    /// <summary>
    /// The loss without any penalty: the mean over the batches, weighted by their numbers of samples. For a loss that
    /// is a mean over samples this is the loss of the whole set; one with class weights or ignored labels divides by
    /// other counts in each batch, so its value depends a little on how the set is cut.
    /// </summary>
    public double Loss => this[LossName];

    /// <summary>The names: <see cref="LossName"/> first, then the metrics in their order.</summary>
    public IEnumerable<string> Keys => _names;

    /// <summary>The values, in the order of the names.</summary>
    public IEnumerable<double> Values => _values;

    /// <summary>Number of values.</summary>
    public int Count => _names.Length;

    /// <summary>The value of a name.</summary>
    /// <exception cref="KeyNotFoundException">There is no such name; the text lists the names.</exception>
    public double this[string key] => TryGetValue(key, out double value)
        ? value
        : throw new KeyNotFoundException(
            $"Scores: expected one of {string.Join(", ", _names)}, got \"{key}\". The options of the trainer name its "
            + "metrics.");

    /// <summary>Whether there is such a name.</summary>
    /// <param name="key">The name.</param>
    public bool ContainsKey(string key) => Array.IndexOf(_names, key) >= 0;

    /// <summary>Finds the value of a name.</summary>
    /// <param name="key">The name.</param>
    /// <param name="value">The value; 0 if there is no such name.</param>
    /// <returns>Whether there is such a name.</returns>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out double value)
    {
        int at = Array.IndexOf(_names, key);
        value = at < 0 ? 0 : _values[at];
        return at >= 0;
    }

    /// <inheritdoc/>
    public IEnumerator<KeyValuePair<string, double>> GetEnumerator()
    {
        for (int i = 0; i < _names.Length; i++) yield return new KeyValuePair<string, double>(_names[i], _values[i]);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Join(", ", this.Select(static entry => $"{entry.Key} {entry.Value:0.0000}"));

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
