using System.Collections.ObjectModel;
using System.Globalization;
using Evenkeel.Data;
using Evenkeel.Nn;
using Evenkeel.Onnx;
using Evenkeel.Random;
using Evenkeel.Serialization;
using Evenkeel.Workbench.Data;
using Evenkeel.Workbench.Files;
using Evenkeel.Workbench.Settings;

namespace Evenkeel.Workbench.Runs;

/// <summary>
/// A network to fold, recalibrate or export: that of a run, of a run's model.safetensors, or of an ONNX file. It is
/// written with what is known of its data.
/// </summary>
internal sealed class OpenedNetwork
{
    /// <summary>So many samples show what a network computes.</summary>
    private const int ProofSamples = 8, DrawnSamples = 2;

    private readonly string _path;
    private readonly OnnxModel? _onnx;
    private readonly PictureChoice _choice;
    private Shape? _arraySample;

    private OpenedNetwork(
        string path, Module model, Preparation? preparation, OnnxModel? onnx, PictureChoice choice, string? note) =>
        (_path, Model, Preparation, _onnx, _choice, Note) = (path, model, preparation, onnx, choice, note);

    public Module Model { get; }

    /// <summary>The ONNX file that the network comes from; null if it comes from a run.</summary>
    public OnnxModel? Onnx => _onnx;

    /// <summary>How data becomes samples; null if it is not known.</summary>
    public Preparation? Preparation { get; private set; }

    /// <summary>Whether norms count the batches they have seen; ONNX has no place for that.</summary>
    public bool CountsBatches => _onnx is null;

    /// <summary>What should be known about the network; null if there is nothing.</summary>
    public string? Note { get; }

    /// <summary>Opens a network.</summary>
    /// <param name="path">The folder of a run, its model.safetensors, or an ONNX file.</param>
    /// <param name="choice">What the user says of the pictures of an ONNX file.</param>
    /// <exception cref="WorkbenchException">It is none of them, or cannot be read.</exception>
    public static OpenedNetwork Open(string path, PictureChoice choice)
    {
        if (OnnxFile.Is(path))
        {
            (OnnxModel model, OnnxModule module) = OnnxFile.OpenNetwork(path);
            if (model.Inputs.Count != 1 || model.Outputs.Count != 1)
            {
                throw new WorkbenchException($"expected a network of one input and one output, got \"{path}\" with "
                    + $"{model.Inputs.Count} and {model.Outputs.Count}. 'evenkeel onnx run' runs it.");
            }

            return new OpenedNetwork(path, module, OnnxPreparation.Stored(model), model, choice, null);
        }

        TrainedRun run = TrainedRun.Open(path, choice);
        return new OpenedNetwork(path, run.Model, run.Preparation, null, choice, run.Note);
    }

    /// <summary>
    /// The shape of an input with its batch axis, of one sample. What neither the user nor the file says is that of
    /// the array which was read.
    /// </summary>
    /// <param name="asked">What the user says, as N,3,224,224; null if nothing.</param>
    /// <exception cref="WorkbenchException">It is not known, or is no shape.</exception>
    public Shape InputShape(string? asked)
    {
        if (asked is not null) return Parse(asked);
        if (Preparation is { } preparation) return [1, .. preparation.SampleShape];
        IReadOnlyList<OnnxDimension>? shape = _onnx!.Inputs[0].Shape;
        if (shape is not null && shape.Skip(1).All(static size => size.Size is > 0 and <= int.MaxValue))
            return new Shape([1, .. shape.Skip(1).Select(static size => (int)size.Size!.Value)]);
        if (_arraySample is { } sample) return [1, .. sample];
        string says = shape is null ? "" : $" ([{string.Join(", ", shape)}])";
        throw WorkbenchException.Usage(
            $"expected --shape for \"{_path}\", as N,3,224,224, got none: its input takes several sizes{says}.");
    }

    /// <summary>Some inputs on which the network is compared with another: of the data, or drawn from a seed.</summary>
    /// <param name="data">The data; null draws them.</param>
    /// <param name="shape">The shape of an input, for those that are drawn.</param>
    /// <param name="notes">Receives what should be known about the data.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WorkbenchException">The data cannot be used.</exception>
    public Tensor SomeInputs(string? data, string? shape, ICollection<string> notes, CancellationToken cancellation)
    {
        if (data is null) return DrawnInputs(shape, DrawnSamples);

        IDataset samples = Samples(data, skipBad: false, notes, cancellation).Samples;
        int count = Math.Min(ProofSamples, samples.Count);
        using var loader = new DataLoader(
            new Subset(samples, Evenly.Spread(count, samples.Count)), count, lastBatch: LastBatch.Keep, workers: 0);
        return loader.First().Inputs.Clone();
    }

    /// <summary>Inputs drawn from a seed.</summary>
    /// <param name="shape">The shape of an input, if the user says it.</param>
    /// <param name="samples">The number of samples, if the shape has fewer.</param>
    /// <exception cref="WorkbenchException">The shape is not known, or the network takes no real numbers.</exception>
    public Tensor DrawnInputs(string? shape, int samples)
    {
        if (_onnx is { Inputs: [{ Type: not ("float" or "double" or "float16" or "bfloat16") } input] })
        {
            throw WorkbenchException.Usage(
                $"expected --data with inputs for \"{_path}\", got none: it takes {input}. Give an .npy file.");
        }

        Shape one = InputShape(shape);
        return Tensor.RandomNormal(one.With(0, Math.Max(one[0], samples)), new Philox(0, "proof"), Type);
    }

    /// <summary>
    /// The samples of some data with what is to be predicted, or without it if the data does not have it; a note says
    /// so.
    /// </summary>
    /// <param name="data">The data.</param>
    /// <param name="skipBad">Whether pictures that cannot be decoded are left out.</param>
    /// <param name="notes">Receives what should be known about it.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WorkbenchException">It cannot be used, or its preparation is not known.</exception>
    public SampleSet SamplesToExamine(
        string data, bool skipBad, ICollection<string> notes, CancellationToken cancellation)
    {
        if (Preparation is null && File.Exists(data) && IsArray(data))
            return Samples(data, skipBad, notes, cancellation);
        try
        {
            var told = new List<string>();
            Preparation ??= OnnxPreparation.OfPictures(_path, _onnx!, Model, _choice, classifies: true);
            SampleSet set = Preparation.Open(data, hasTargets: true, skipBad, told, cancellation);
            if (WhyNoAnswers(set) is { } why) throw WorkbenchException.Usage(why);
            foreach (string note in told) notes.Add(note);
            return set;
        }
        catch (WorkbenchException without)
        {
            SampleSet set = Samples(data, skipBad, notes, cancellation);
            notes.Add($"accuracy is not measured: {without.Message}");
            return set;
        }
    }

    /// <summary>
    /// Why the folders of pictures are no right answers: numbers stand for the classes of a file that does not name
    /// them, and a network of features has outputs too. Null if nothing speaks against it.
    /// </summary>
    private string? WhyNoAnswers(SampleSet set)
    {
        if (_onnx is null || Preparation is not ImagePreparation pictures
            || OnnxPreparation.NamesClasses(_onnx, _choice)) return null;
        int outputs = pictures.ClassNames.Count,
            found = set.Samples.LabelsOf([.. Enumerable.Range(0, set.Count)]).Distinct().Count();
        return found * 2 >= outputs ? null
            : $"the file does not name its {outputs} outputs, and the pictures are of {found} folders; --classes FILE "
                + "says which class each output is";
    }

    /// <summary>The samples of some data: files as the network's training had them, or an .npy file of inputs.
    /// </summary>
    /// <param name="data">The data.</param>
    /// <param name="skipBad">Whether pictures that cannot be decoded are left out.</param>
    /// <param name="notes">Receives what should be known about it.</param>
    /// <param name="cancellation">Stops.</param>
    /// <exception cref="WorkbenchException">It cannot be used, or its preparation is not known.</exception>
    public SampleSet Samples(
        string data, bool skipBad, ICollection<string> notes, CancellationToken cancellation)
    {
        if (File.Exists(data) && IsArray(data)) return OfArray(data);
        if (!File.Exists(data) && Path.GetExtension(data).Equals(".npy", StringComparison.OrdinalIgnoreCase))
            throw WorkbenchException.Usage($"--data: expected a file .npy, got \"{data}\", found none.");
        Preparation ??= OnnxPreparation.OfPictures(_path, _onnx!, Model, _choice, classifies: false);
        SampleSet set = Preparation.Open(data, hasTargets: false, skipBad, notes, cancellation);
        return set.Count > 0
            ? set
            : throw WorkbenchException.Usage($"--data: expected samples in \"{data}\", got none.");
    }

    /// <summary>Refuses names of files that the network cannot be written to.</summary>
    /// <param name="to">The file.</param>
    /// <param name="overwrite">Whether it may be replaced.</param>
    public static void CheckTarget(string to, bool overwrite)
    {
        if (!OnnxFile.HasName(to) && TensorFile.FormatOfName(to) is not TensorFormat.SafeTensors)
        {
            throw WorkbenchException.Usage(
                $"expected OUT to end in .onnx or .safetensors, got \"{to}\". 'evenkeel convert' writes other formats "
                + "of the latter.");
        }

        if (File.Exists(to) && !overwrite)
            throw WorkbenchException.Usage($"\"{to}\" is there already. Give another name, or --overwrite.");
    }

    /// <summary>Writes a network in the place of the one that was opened, with what is known of its data.</summary>
    /// <param name="to">The file: .onnx, or .safetensors.</param>
    /// <param name="model">The network.</param>
    /// <param name="shape">The shape of an input, if the user says it.</param>
    /// <param name="opset">The opset of an ONNX file; null takes the lowest from 17 on.</param>
    /// <param name="fold">Whether norms are folded on the way to an ONNX file.</param>
    /// <returns>What was written, for people.</returns>
    /// <exception cref="WorkbenchException">It cannot be written.</exception>
    public string Write(string to, Module model, string? shape, int? opset = null, bool fold = false)
    {
        try
        {
            return OnnxFile.HasName(to)
                ? model.ExportOnnx(to, InputShape(shape), OptionsFor(opset, fold)) + WhatIsFixed(to)
                : WriteWeights(to, model);
        }
        catch (Exception failure) when (failure is InvalidOperationException or NotSupportedException
            || UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    private DType Type => Model.Parameters() is [var first, ..] ? first.DType : DType.Float32;

    /// <summary>Says where the new file takes less than the one that was opened, or another type.</summary>
    private string WhatIsFixed(string to)
    {
        if (_onnx is null) return "";
        OnnxValueInfo before = _onnx.Inputs[0], now = OnnxModel.Load(to).Inputs[0];
        bool isNarrower = before.Shape is not { } sizes || sizes.Skip(1).Any(static size => size.Size is null);
        return isNarrower || before.Type != now.Type ? $"\nit takes {now}, and \"{_path}\" takes {before}" : "";
    }

    private string WriteWeights(string to, Module model)
    {
        IReadOnlyDictionary<string, string> metadata = _onnx is null
            ? TrainedRun.MetadataOf(model.ToJson(), Preparation!.ToJson())
            : _onnx.Metadata;
        model.Save(to, new SaveOptions { Metadata = metadata });
        return _onnx is null
            ? $"{to}: the network, for 'evenkeel predict {to}'"
            : $"{to}: weights and statistics. A name that ends in .onnx keeps the graph too";
    }

    private OnnxExportOptions OptionsFor(int? opset, bool fold)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach ((string key, string text) in _onnx?.Metadata ?? ReadOnlyDictionary<string, string>.Empty)
        {
            // What the exporter says of the network itself, it says anew.
            if (key is not ("evenkeel.version" or "evenkeel.weights_hash" or "evenkeel.frozen_norms"))
                metadata[key] = text;
        }

        if (Preparation is { } known && _onnx is null) metadata[OnnxPreparation.Key] = known.ToJson();
        (string input, string output) = _onnx is null ? ("input", "output")
            : (_onnx.Inputs[0].Name, _onnx.Outputs[0].Name);
        return new OnnxExportOptions
        {
            Opset = opset,
            Fold = fold,
            Metadata = metadata,
            InputName = input,
            OutputName = output,
            // The statistics are those of the file, which cannot say how many batches they have seen.
            AllowUntrainedStatistics = _onnx is not null,
            SecondInputName = $"{input}.second",
            InputType = _onnx is { Inputs: [{ Type: "int64" or "int32" }] } ? DType.Int64 : null,
            Classes = _onnx is null && Preparation is { IsClassification: true } named ? named.ClassNames : null,
            Preprocessing = _onnx is null && Preparation is { } prepared
                ? OnnxPreparation.Preprocessing(prepared)
                : null,
        };
    }

    private static bool IsArray(string file)
    {
        try
        {
            return TensorFile.FormatOf(file) == TensorFormat.Npy;
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    private SampleSet OfArray(string file)
    {
        try
        {
            Tensor inputs = Npy.Read(file);
            if (inputs.Shape.Rank == 0 || inputs.Shape[0] == 0)
                throw WorkbenchException.Usage($"--data: expected samples in \"{file}\", got {inputs.Shape}.");
            _arraySample = new Shape([.. inputs.Shape.Skip(1)]);
            if (inputs.DType.IsFloatingPoint()) inputs = inputs.To(Type);
            var samples = new TensorDataset(inputs, Tensor.Zeros([inputs.Shape[0]], DType.Int64));
            return new SampleSet(Path.GetFileName(file), samples, static i => $"row {i}", static _ => null)
            {
                HasTargets = false,
            };
        }
        catch (Exception failure) when (UserText.IsForUser(failure))
        {
            throw new WorkbenchException(UserText.Of(failure), failure);
        }
    }

    private static Shape Parse(string text)
    {
        string[] words = text.Split([',', 'x', 'X'], StringSplitOptions.TrimEntries);
        int[] sizes = [.. words.Select(static (word, i) => i == 0 && word is "N" or "n" ? 1
            : int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out int size) ? size : 0)];
        return sizes.Length is >= 1 and <= Shape.MaxRank && sizes.All(static size => size > 0)
            ? new Shape(sizes)
            : throw WorkbenchException.Usage(
                $"--shape: expected the shape of an input with its batch axis, as N,3,224,224, got {text}.");
    }
}
