using Evenkeel.Random;

namespace Evenkeel.Nn;

/// <summary>w = W/sigma, sigma the largest singular value of W as a matrix.</summary>
internal sealed class SpectralNorm : WeightParametrization
{
    /// <summary>Power iterations that a new layer begins with, as in PyTorch.</summary>
    private const int FirstIterations = 15;

    private readonly SingularVectors _vectors;
    private readonly int[] _toMatrix;
    private readonly int[] _fromMatrix;

    public SpectralNorm(Parameter weight, int powerIterations, double eps, int dim, IRandomStream random)
    {
        (PowerIterations, Eps, Dim) = (powerIterations, eps, dim);
        int rank = weight.Shape.Rank;
        _toMatrix = [dim, .. Enumerable.Range(0, rank).Where(axis => axis != dim)];
        _fromMatrix = [.. Enumerable.Range(0, rank).Select(axis => Array.IndexOf(_toMatrix, axis))];
        Original = Register("original", weight.Value.Detach(), ParameterRole.Weight);
        Original.RequiresGradient = weight.RequiresGradient;
        int outputs = weight.Shape[dim];
        _vectors = Register("0", new SingularVectors(outputs, weight.Count / outputs));
        To(weight.DType);
        Start(random);
    }

    /// <summary>Power iterations of a pass in Train.</summary>
    public int PowerIterations { get; }

    /// <summary>The smallest divisor of the singular vectors.</summary>
    public double Eps { get; }

    /// <summary>The dimension of the weight that becomes the rows of the matrix.</summary>
    public int Dim { get; }

    /// <summary>W.</summary>
    public Parameter Original { get; }

    /// <inheritdoc/>
    public override Parameter Raw => Original;

    /// <inheritdoc/>
    public override IReadOnlyList<(string Old, string New)> OlderKeys =>
    [
        ("weight_orig", $"{Place}.original"), ("weight_u", $"{Place}.0._u"), ("weight_v", $"{Place}.0._v"),
    ];

    /// <inheritdoc/>
    public override Tensor Compute(Tape? tape)
    {
        Tensor w = Matrix(On(tape, Original));
        Tensor y = SpectralNormOp.Apply(
            w, _vectors.U.Value, _vectors.V.Value, tape is { Mode: Mode.Train } ? PowerIterations : 0, Eps);
        if (Dim == 0) return y.Reshape(Original.Shape);
        Span<int> sizes = stackalloc int[Shape.MaxRank];
        for (int i = 0; i < _toMatrix.Length; i++) sizes[i] = Original.Shape[_toMatrix[i]];
        return y.Reshape(new Shape(sizes[.._toMatrix.Length])).Permute(_fromMatrix);
    }

    /// <summary>W is drawn, and the singular vectors start anew.</summary>
    public override void SetStartValues(Init init, IRandomStream random)
    {
        init.Fill(Original.Value, random);
        Start(random);
    }

    /// <inheritdoc/>
    public override string ToString() => $"SpectralNorm(n_power_iterations={PowerIterations}, "
        + $"eps={PythonNumber.Format(Eps)}, dim={Dim})";

    private void Start(IRandomStream random)
    {
        foreach (StateBuffer vector in (ReadOnlySpan<StateBuffer>)[_vectors.U, _vectors.V])
        {
            Tensor drawn = Tensor.RandomNormal(vector.Value.Shape, random, vector.Value.DType);
            vector.Value.CopyFrom(drawn.Normalize([0], p: 2, Eps));
        }

        SpectralNormOp.Iterate(
            Matrix(Original.Value.Detach()), _vectors.U.Value, _vectors.V.Value, FirstIterations, Eps);
    }

    private Tensor Matrix(Tensor weight) =>
        (Dim == 0 ? weight : weight.Permute(_toMatrix)).Reshape(Original.Shape[Dim], -1);

    /// <summary>The buffers, which PyTorch has one level further down.</summary>
    internal sealed class SingularVectors : Module
    {
        public SingularVectors(int rows, int columns)
        {
            U = RegisterBuffer("_u", Tensor.Zeros([rows]));
            V = RegisterBuffer("_v", Tensor.Zeros([columns]));
        }

        public StateBuffer U { get; }

        public StateBuffer V { get; }

        protected override Tensor ForwardCore(Tensor x) => throw new NotSupportedException();
    }
}
