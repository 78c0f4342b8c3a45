using Evenkeel.Onnx;
using Evenkeel.Serialization;

namespace Evenkeel.Workbench.Files;

/// <summary>
/// The inputs of an ONNX graph from files of NumPy: <c>NAME=X.npy</c> each, <c>X.npy</c> for a graph of one input, or
/// <c>X.npz</c> with several by name. Names, types and shapes are checked against what the graph says.
/// </summary>
internal sealed class OnnxInputs
{
    private readonly OnnxModel _model;
    private readonly Dictionary<string, Tensor> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (long Size, string Input)> _symbols = new(StringComparer.Ordinal);

    private OnnxInputs(OnnxModel model) => _model = model;

    /// <summary>Reads the inputs of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="given">What the user gave.</param>
    /// <returns>A tensor per input, in the model's order.</returns>
    /// <exception cref="WorkbenchException">They are not those that the model takes.</exception>
    public static Tensor[] Read(OnnxModel model, IReadOnlyList<string> given)
    {
        var inputs = new OnnxInputs(model);
        foreach (string text in given) inputs.Add(text);
        string[] missing = [.. model.Inputs.Select(static input => input.Name)
            .Where(name => !inputs._values.ContainsKey(name))];
        if (missing.Length > 0)
        {
            throw WorkbenchException.Usage($"expected every input of the network, got none for "
                + $"{Names(missing)}. It takes {inputs.Signature}. Give --input NAME=FILE.npy for each.");
        }

        return [.. model.Inputs.Select(input => inputs._values[input.Name])];
    }

    private string Signature => _model.Inputs.Count == 0 ? "no input"
        : string.Join(", ", _model.Inputs.Select(static input => input.ToString()));

    private void Add(string text)
    {
        (string? name, string path) = Parse(text);
        TensorArchive archive;
        try
        {
            if (!File.Exists(path))
                throw WorkbenchException.Usage($"--input: expected a file .npy or .npz, got \"{path}\", found none.");
            archive = TensorFile.FormatOf(path) is TensorFormat.Npy or TensorFormat.Npz
                ? TensorFile.Read(path)
                : throw WorkbenchException.Usage($"--input: expected a file .npy or .npz, got \"{path}\", which is of "
                    + "another kind. numpy.save writes one.");
            foreach (string array in archive.Names) AddArray(archive, array, name, path);
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    /// <summary>Splits NAME=FILE. Names and paths may have a = of their own: a name is one of the graph's.</summary>
    private (string? Name, string Path) Parse(string text)
    {
        for (int at = text.IndexOf('='); at >= 0; at = text.IndexOf('=', at + 1))
        {
            if (Find(text[..at]) is not null) return (text[..at], text[(at + 1)..]);
        }

        int first = text.IndexOf('=');
        return first < 0 || File.Exists(text) ? (null, text) : throw Unknown(text[..first]);
    }

    private void AddArray(TensorArchive archive, string array, string? name, string path)
    {
        bool isSingle = TensorFile.FormatOf(path) == TensorFormat.Npy;
        if (name is not null && archive.Names.Count != 1)
        {
            throw WorkbenchException.Usage($"--input: expected one array for \"{name}\", got {archive.Names.Count} in "
                + $"\"{path}\". Give --input {path} without a name: the arrays have their own.");
        }

        if (name is null && isSingle && _model.Inputs.Count != 1)
        {
            throw WorkbenchException.Usage($"--input: expected NAME=FILE.npy for a network of {_model.Inputs.Count} "
                + $"inputs, got \"{path}\" alone. It takes {Signature}.");
        }

        OnnxValueInfo input = name is not null ? Find(name)!
            : isSingle ? _model.Inputs[0]
            : Find(array) ?? throw Unknown(array);
        Tensor value = Checked(archive, array, input, path);
        if (!_values.TryAdd(input.Name, value))
            throw WorkbenchException.Usage($"--input: expected each input once, got \"{input.Name}\" twice.");
    }

    private Tensor Checked(TensorArchive archive, string array, OnnxValueInfo input, string path)
    {
        string expected = NumPyValue.NameOf(input.Type), got = NumPyValue.NameOfStored(archive.TypeOf(array));
        if (expected != got)
        {
            throw WorkbenchException.Usage($"--input: expected {expected} for \"{input.Name}\", got {got} in "
                + $"\"{path}\". Convert it in Python: x.astype(numpy.{expected}).");
        }

        IReadOnlyList<long> sizes = archive.DimensionsOf(array);
        if (input.Shape is { } shape) CheckShape(input, shape, sizes, path);
        return archive.Tensor(array);
    }

    /// <summary>
    /// Checks sizes that the graph fixes. The first of the first input is the batch, which is open even if the file
    /// fixes it; so is the same size in the first place of another input.
    /// </summary>
    private void CheckShape(
        OnnxValueInfo input, IReadOnlyList<OnnxDimension> shape, IReadOnlyList<long> sizes, string path)
    {
        long? batch = _model.Inputs[0].Shape is [var first, ..] ? first.Size : null;
        bool fits = shape.Count == sizes.Count;
        for (int i = 0; fits && i < sizes.Count; i++)
        {
            bool isBatch = i == 0 && batch is not null && shape[0].Size == batch;
            fits = isBatch || shape[i].Size is not { } size || size == sizes[i];
        }

        if (!fits)
        {
            throw WorkbenchException.Usage($"--input: expected the shape [{string.Join(", ", shape)}] for "
                + $"\"{input.Name}\", got [{string.Join(", ", sizes)}] in \"{path}\".");
        }

        for (int i = 0; i < sizes.Count; i++)
        {
            if (shape[i].Symbol.Length == 0) continue;
            if (_symbols.TryAdd(shape[i].Symbol, (sizes[i], input.Name))) continue;
            (long other, string otherInput) = _symbols[shape[i].Symbol];
            if (other == sizes[i]) continue;
            throw WorkbenchException.Usage($"--input: expected one size for {shape[i].Symbol}, got {other} in "
                + $"\"{otherInput}\" and {sizes[i]} in \"{input.Name}\".");
        }
    }

    private OnnxValueInfo? Find(string name) => _model.Inputs.FirstOrDefault(input => input.Name == name);

    private WorkbenchException Unknown(string name) => WorkbenchException.Usage(
        $"--input: unknown input \"{name}\".{NearestName.Hint(name, _model.Inputs.Select(static input => input.Name))} "
        + $"The network takes {Signature}.");

    private static string Names(IEnumerable<string> names) =>
        string.Join(", ", names.Select(static name => $"\"{name}\""));
}
