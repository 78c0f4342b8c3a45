namespace Evenkeel;

/// <summary>
/// The settings of a traced op under their names: numbers, lists of whole numbers, words, and tensors that are no
/// operand to differentiate (labels, running statistics) or one of several that may be missing (gamma, beta).
/// </summary>
internal sealed class OpSettings
{
    private readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);

    /// <summary>The tensors among the settings.</summary>
    public IEnumerable<Tensor> Tensors => _values.Values.OfType<Tensor>();

    public void Set(string name, double value) => _values[name] = value;

    public void Set(string name, bool value) => _values[name] = value ? 1.0 : 0.0;

    public void Set(string name, string value) => _values[name] = value;

    public void Set(string name, ReadOnlySpan<int> values) => _values[name] = values.ToArray();

    /// <summary>Sets a tensor; null leaves it out.</summary>
    public void Set(string name, Tensor? value)
    {
        if (value is not null) _values[name] = value;
    }

    /// <summary>Sets dimensions, of which bit i says whether dimension i is one.</summary>
    public void SetAxes(string name, uint bits)
    {
        var axes = new List<int>();
        for (int i = 0; i < Shape.MaxRank; i++)
        {
            if ((bits >> i & 1) != 0) axes.Add(i);
        }

        _values[name] = axes.ToArray();
    }

    public double Number(string name) => (double)_values[name];

    public int Integer(string name) => (int)Number(name);

    public bool Flag(string name) => _values.TryGetValue(name, out object? value) && (double)value != 0;

    public string Text(string name) => (string)_values[name];

    public int[] Integers(string name) => (int[])_values[name];

    public Tensor? TensorOf(string name) => (Tensor?)_values.GetValueOrDefault(name);

    /// <summary>The first setting, other than a tensor, that differs in another pass; null if none does.</summary>
    public string? DifferenceTo(OpSettings other)
    {
        foreach ((string name, object value) in _values)
        {
            object? its = other._values.GetValueOrDefault(name);
            bool same = value switch
            {
                Tensor => its is Tensor,
                int[] list => its is int[] another && list.AsSpan().SequenceEqual(another),
                _ => value.Equals(its),
            };
            if (!same) return name;
        }

        return null;
    }
}
