using Evenkeel.Nn;

namespace Evenkeel.Training;

/// <summary>What the rules of a training see: the trainer, and what was measured in the step.</summary>
public sealed class TrainingView
{
    private readonly Dictionary<string, double[]> _memory;
    private readonly double[] _gradients;

    internal TrainingView(Trainer trainer, TrainingDoctor doctor, Dictionary<string, double[]> memory)
    {
        (Trainer, Settings, _memory) = (trainer, doctor, memory);
        var weights = new List<TrainedWeight>();
        var norms = new List<TrainedNorm>();
        var seen = new HashSet<Parameter>(ReferenceEqualityComparer.Instance);
        foreach ((string layer, Module module) in trainer.Model.NamedModules())
        {
            if (module is INormalization) norms.Add(new TrainedNorm(layer, module, Recall));
            foreach ((string name, Parameter parameter) in module.OwnParameters)
            {
                if (parameter.Source is not null || parameter.Role != ParameterRole.Weight || !seen.Add(parameter))
                    continue;
                if (parameter.Count > 0)
                    weights.Add(new TrainedWeight(Module.Join(layer, name), layer, module, parameter, Recall));
            }
        }

        (Weights, Norms) = (weights, norms);
        Parameters = [.. trainer.Model.NamedParameters().Where(static entry => entry.Parameter.Source is null)];
        _gradients = Recall("gradients", Parameters.Count);
    }

    /// <summary>The trainer: model, optimizer, options, history.</summary>
    public Trainer Trainer { get; }

    /// <summary>The doctor and its options.</summary>
    public TrainingDoctor Settings { get; }

    /// <summary>The number of the step, from 1.</summary>
    public long Iteration { get; internal set; }

    /// <summary>Samples in the batch of the step, whichever process has them.</summary>
    public int Samples { get; internal set; }

    /// <summary>The loss of the step, without a penalty.</summary>
    public double Loss { get; internal set; }

    /// <summary>
    /// In the very first step: the loss of a network that gives the same answer to all samples of the batch (all
    /// classes equally likely, or the mean of the targets). NaN in other steps, and if it is not known.
    /// </summary>
    public double BaselineLoss { get; internal set; } = double.NaN;

    /// <summary>The weights of the layers, in the order of the model's parameters.</summary>
    public IReadOnlyList<TrainedWeight> Weights { get; }

    /// <summary>The norms, in the order of the model's modules.</summary>
    public IReadOnlyList<TrainedNorm> Norms { get; }

    /// <summary>All parameters that hold their values, with their keys.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    /// <summary>The rule that looks.</summary>
    internal string Rule { get; set; } = "";

    /// <summary>Where the first value that is not finite came from, and its channel; null if no step was skipped.
    /// </summary>
    internal (string Layer, int? Channel)? Spoilt { get; set; }

    /// <summary>
    /// Numbers that a rule remembers from look to look: zeros at first. They are part of a checkpoint.
    /// </summary>
    /// <param name="name">What is remembered. Each rule has its own names.</param>
    /// <param name="count">How many numbers.</param>
    public double[] Memory(string name, int count)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return Recall($"{Rule}.{name}", count);
    }

    /// <summary>Whether a pass of this epoch has written a gradient of a parameter.</summary>
    /// <param name="parameter">The place in <see cref="Parameters"/>.</param>
    public bool HadGradient(int parameter) => _gradients[parameter] != 0;

    internal void NoteGradients()
    {
        for (int i = 0; i < _gradients.Length; i++)
        {
            if (_gradients[i] == 0 && Parameters[i].Parameter.HasGradient) _gradients[i] = 1;
        }
    }

    internal void ForgetGradients() => Array.Clear(_gradients);

    internal double[] Recall(string name, int count)
    {
        if (_memory.TryGetValue(name, out double[]? known) && known.Length == count) return known;
        return _memory[name] = new double[count];
    }
}
