using Evenkeel.Nn;
using Evenkeel.Onnx.Import;

namespace Evenkeel.Onnx;

/// <summary>
/// A network that came from an ONNX file. Its layers are those of the library under the names of the file, so it
/// predicts, trains, saves, freezes, recalibrates and folds like one written by hand.
/// </summary>
/// <remarks>
/// <see cref="Module.Forward"/> and <c>Predict</c> take one input and return the first output; <see cref="Run"/> takes
/// and returns all. A batch that the file fixes is open: the sizes of its first axis follow the input.
/// </remarks>
public sealed class OnnxModule : Module, OnnxModule.IScope
{
    private readonly Program _program;
    private Module[] _layers = [];
    private Parameter[] _weights = [];
    private Tensor[] _constants = [];

    internal OnnxModule(Program program) => _program = program;

    /// <summary>What holds layers and weights under names.</summary>
    internal interface IScope
    {
        void Add(string name, Module layer);

        Parameter Add(string name, Tensor value);

        IScope AddScope(string name);
    }

    /// <summary>The names of the inputs.</summary>
    public IReadOnlyList<string> Inputs => _program.Inputs;

    /// <summary>The names of the outputs.</summary>
    public IReadOnlyList<string> Outputs => _program.Outputs;

    /// <summary>
    /// Runs the network on all of its inputs. Mode and recording are those of the inputs' tape; without one it is plain
    /// Eval.
    /// </summary>
    /// <param name="inputs">
    /// A tensor per name of <see cref="Inputs"/>; integers and truth values as Int64, 16-bit floating point as Float32.
    /// </param>
    /// <returns>The outputs by name.</returns>
    /// <exception cref="ArgumentException">An input is missing, unknown or of another type.</exception>
    /// <exception cref="InvalidOperationException">A node cannot compute with the shapes that arise.</exception>
    public IReadOnlyDictionary<string, Tensor> Run(IReadOnlyDictionary<string, Tensor> inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        foreach (string name in inputs.Keys)
        {
            if (!_program.Inputs.Contains(name, StringComparer.Ordinal))
            {
                throw new ArgumentException($"OnnxModule: expected inputs among {Names(_program.Inputs)}, got "
                    + $"\"{name}\".", nameof(inputs));
            }
        }

        var values = new Tensor[_program.Inputs.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = inputs.GetValueOrDefault(_program.Inputs[i]) ?? throw new ArgumentException(
                $"OnnxModule: expected the inputs {Names(_program.Inputs)}, got none for \"{_program.Inputs[i]}\".",
                nameof(inputs));
        }

        Value[] outputs = Execute(values);
        var byName = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        for (int i = 0; i < outputs.Length; i++) byName[_program.Outputs[i]] = outputs[i].Tensor;
        return byName;
    }

    /// <summary>The most memory that one value of a pass may take.</summary>
    internal long MostBytes { get; set; } = Arena.MaxBytes;

    /// <summary>The graph's outputs with their types.</summary>
    internal Value[] Execute(ReadOnlySpan<Tensor> inputs) =>
        _program.Run(inputs, _layers, _weights, _constants, MostBytes);

    /// <summary>Takes the layers, weights and constants that the steps of the program name by number.</summary>
    internal void Complete(Module[] layers, Parameter[] weights, Tensor[] constants) =>
        (_layers, _weights, _constants) = (layers, weights, constants);

    void IScope.Add(string name, Module layer) => Register(name, layer);

    Parameter IScope.Add(string name, Tensor value) => Register(name, value);

    IScope IScope.AddScope(string name) => Register(name, new Scope());

    /// <inheritdoc/>
    protected override Tensor ForwardCore(Tensor x)
    {
        if (_program.Inputs.Count != 1)
        {
            throw new InvalidOperationException(
                $"OnnxModule: expected a network of one input for Forward, got one that takes "
                + $"{Names(_program.Inputs)}. Use Run.");
        }

        return Execute([x])[0].Tensor;
    }

    private static string Names(IReadOnlyList<string> names) =>
        names.Count == 0 ? "none" : string.Join(", ", names.Select(static name => $"\"{name}\""));

    /// <summary>A part of a name: holds layers, and is never run itself.</summary>
    private sealed class Scope : Module, IScope
    {
        void IScope.Add(string name, Module layer) => Register(name, layer);

        Parameter IScope.Add(string name, Tensor value) => Register(name, value);

        IScope IScope.AddScope(string name) => Register(name, new Scope());

        protected override Tensor ForwardCore(Tensor x) => throw new InvalidOperationException(
            "OnnxModule: expected the whole network to be run, got a part of a name. Its layers run in the order of "
            + "the file's graph.");
    }
}
