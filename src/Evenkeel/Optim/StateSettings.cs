using Evenkeel.Nn;

namespace Evenkeel.Optim;

/// <summary>
/// A number with which an optimizer or a schedule was made. A state with another number does not fit.
/// </summary>
internal readonly record struct Setting(string Name, double Value)
{
    /// <summary>A setting that is on or off.</summary>
    public Setting(string name, bool value)
        : this(name, value ? 1 : 0)
    {
    }
}

/// <summary>
/// Settings in a state, each a number under <c>OWNER.setting.NAME</c>. States of earlier versions have no settings, and
/// are not checked.
/// </summary>
internal static class StateSettings
{
    public static void Write(StateDict state, string owner, ReadOnlySpan<Setting> settings)
    {
        foreach ((string name, double value) in settings)
            state.Add(Key(owner, name), Tensor.Scalar(value, DType.Float64));
    }

    /// <exception cref="ArgumentException">
    /// A setting of the state differs from the setting here; the text names it.
    /// </exception>
    public static void Check(StateDict state, string owner, ReadOnlySpan<Setting> settings)
    {
        var differences = new List<string>();
        foreach ((string name, double value) in settings)
        {
            if (!state.TryGetValue(Key(owner, name), out Tensor? saved)) continue;
            if (saved.DType != DType.Float64 || saved.Count != 1)
                throw new ArgumentException($"{owner}: expected one number of Float64 under '{Key(owner, name)}', got "
                    + $"{saved.DType} of shape {saved.Shape}. The state is damaged; load another one.", nameof(state));
            if (saved.Item() == value) continue;
            differences.Add($"{name} {saved.Item()} (here {value})");
        }

        if (differences.Count > 0)
        {
            throw new ArgumentException(
                $"{owner}: expected a state of the same settings, got {string.Join(", ", differences)}. "
                + "Create it with the settings of the state, or go on without the state.", nameof(state));
        }

    }

    public static string Key(string owner, string name) => $"{owner}.setting.{name}";
}
