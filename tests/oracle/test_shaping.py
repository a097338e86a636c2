"""Moving elements about, against PyTorch: shape, order, joining, indexing.

Decisions, where we differ on purpose:
- `pad` takes any axes in every mode; PyTorch's "reflect", "replicate" and "circular" want 2 to 5 axes.
- `scatter` with one place named twice: only the value that is kept has a gradient (PyTorch gives it to all).
- Indices and masks may also be lists or arrays, and indices of any integer type; PyTorch wants int64 tensors.
- `repeat`, `expand`, `unflatten`, `index_put` … are functions too, not only methods; `transpose` with a tuple is
  NumPy's; `mx.trace` is the tracer, the matrix trace is `functional.trace`, `linalg.trace` and a method.
- Functions of torch that only rename others (`view`, `swapaxes`, `moveaxis`, `dstack` …) are left out.
"""

from tests.oracle.compare import agreeing, apart, ints, mask, refusing, table

SHAPE = [
    *table(dict(x=(2, 3, 4)), """
        reshape(x, (4, 6)); reshape(x, (-1,)); x.reshape(2, -1); ravel(x); x.ravel(); flatten(x); flatten(x, 1);
        flatten(x, start_dim=0, end_dim=1); x.flatten(-2); unflatten(x, 2, (2, 2));
        unflatten(x, dim=-1, sizes=(2, -1)); x.unflatten(0, (1, 2)); permute(x, (2, 0, 1)); x.permute(1, 0, 2);
        transpose(x, 0, 2); transpose(x, -1, 0); x.transpose(1, 2); movedim(x, 0, 2); movedim(x, (0, 1), (2, 0));
        movedim(x, source=-1, destination=0); x.movedim(1, 0); x.mT; broadcast_to(x, (5, 2, 3, 4));
        x.expand(5, -1, 3, 4); expand(x, (5, -1, 3, 4)); x.repeat(2, 1, 3); repeat(x, (2, 1, 1, 3));
        x.repeat(2, 1, 1, 2); tile(x, (2,)); tile(x, (1, 2, 3, 1)); x.tile(2, 1); flip(x, (0, 2)); flip(x, dims=(1,));
        x.flip(0); roll(x, 1); roll(x, -2, 1); roll(x, (1, -7), dims=(0, 2)); x.roll(3, 2); rot90(x); rot90(x, 2);
        rot90(x, 3, (1, 2)); rot90(x, -1, dims=(2, 0)); rot90(x, 4, (0, 1)); x.rot90(1, (0, 2)); unsqueeze(x, 1);
        unsqueeze(x, dim=-1); x.unsqueeze(0); tril(x); tril(x, -1); triu(x, diagonal=1); triu(x, -5); x.tril(2);
        x.triu()
    """),
    *table(dict(x=(1, 3, 1)), """
        squeeze(x); squeeze(x, 0); squeeze(x, dim=1); squeeze(x, (0, 2)); x.squeeze(-1); x.expand(2, 3, 4);
        x.expand(1, 3, 1)
    """),
    *table(dict(x=()), """
        reshape(x, (1, 1)); flatten(x); squeeze(x, 0); unsqueeze(x, 0); transpose(x, 0, -1); x.expand(2, 3);
        x.repeat(2); flip(x, ()); roll(x, 2)
    """),
    *table(dict(x=(3,), y=(2,)), """
        meshgrid(x, y, indexing='ij'); meshgrid(x, y, indexing='xy'); kron(x, y); outer(x, y);
        meshgrid(x, indexing='ij')
    """),
    *table(dict(x=(2, 3), y=(4, 2)), """
        kron(x, y); x.kron(y)
    """),
    *table(dict(x=(2, 3), y=(2,)), """
        kron(x, y); kron(y, x)
    """),
    *table(dict(x=(0, 3)), """
        reshape(x, (3, 0)); flatten(x); roll(x, 1, 0); flip(x, (0, 1)); x.repeat(2, 1)
    """),
]  # fmt: skip

JOIN = [
    *table(dict(x=(2, 3), y=(2, 3)), """
        cat((x, y)); cat([x, y], 1); cat((x, y, x), dim=-1); stack((x, y)); stack([x, y], dim=-1);
        concatenate((x, y), dim=1); hstack((x, y)); vstack([x, y])
    """),
    *table(dict(x=(3,), y=(2,)), """
        cat((x, y)); hstack((x, y))
    """),
    *table(dict(x=(), y=()), """
        stack((x, y)); hstack((x, y)); vstack((x, y))
    """),
    *table(dict(x=(3,), y=(3,)), """
        vstack((x, y)); stack((x, y), 1)
    """),
    *table(dict(x=(7, 3)), """
        split(x, 3); split(x, 2, dim=1); split(x, [1, 4, 2]); split(x, (3, 0), 1); chunk(x, 3); chunk(x, 2, dim=1);
        chunk(x, 5); chunk(x, 20); tensor_split(x, 3); tensor_split(x, 4, dim=1); tensor_split(x, (2, 5));
        tensor_split(x, [1], 1); tensor_split(x, (4, 2)); unbind(x); unbind(x, dim=1); x.split(4); x.chunk(2);
        x.tensor_split(2); x.unbind(-1)
    """),
    *table(dict(x=(2, 3, 4)), """
        pad(x, (1, 2)); pad(x, (1, 0, 2, 3)); pad(x, (1, 1), value=2.5); pad(x, (-1, 2));
        pad(x, (1, -2, -1, 0), mode='constant', value=1.0); pad(x, (3, 2), 'reflect');
        pad(x, (4, 1), mode='circular'); pad(x, (5, 6), 'replicate'); pad(x, (1, 0), 'reflect'); pad(x, (0, 0));
        pad(x, [2, 1, 1, 0, 1, 1])
    """),
    *table(dict(x=(1, 2, 3, 4)), """
        pad(x, (1, 2, 2, 1), 'reflect'); pad(x, (1, 2, 3, 1), 'circular'); pad(x, (1, 2, 2, 1), 'replicate')
    """),
]  # fmt: skip

INDEX = [
    *table(dict(x=(4, 5, 3)), """
        x[1]; x[-1]; x[1:3]; x[..., 0]; x[:, None, 2]; x[::2, 1:, -1]; x[[0, 2, 0]]; x[[0, 1], [2, 2]];
        x[:, [1, 1, 0]]; x[[0, 1], :, [2, 0]]; x[1, [0, 3]]; x[()]; x[True]; narrow(x, 1, 2, 3); narrow(x, 0, -2, 1);
        x.narrow(dim=2, start=0, length=0); select(x, 1, 2); select(x, dim=-1, index=-1); x.select(0, 1);
        diagonal(x); diagonal(x, 1); diagonal(x, -2, 1, 2); diagonal(x, offset=0, dim1=-1, dim2=0); x.diagonal(7);
        diag_embed(x); diag_embed(x, 1); diag_embed(x, -2, 0, 2); diag_embed(x, 0, dim1=1, dim2=0);
        x.unfold(1, 3, 1); x.unfold(0, 2, 2); x.unfold(-1, 3, 5)
    """),
    *table(dict(x=(4, 5)), """
        diag(x); diag(x, 2); diag(x, -1); x.diag(); diag(x, -9); x.trace(); trace(x)
    """),
    *table(dict(x=(3,)), """
        diag(x); diag(x, 1); diag(x, diagonal=-2); x.diag()
    """),
    *table(dict(x=(4, 5), i=ints(4, 2, 5), j=ints(5, 4, 2), k=ints(4, 6), m=mask(4, 5), r=mask(5), v=mask(4)), """
        x[k]; x[m]; x[:, r]; x[v]; x[v, 1]; x[k, 1:]; gather(x, 0, i); gather(x, dim=1, index=j); x.gather(-1, j);
        index_select(x, 0, k); x.index_select(1, k); take(x, i); x.take(k); take_along_dim(x, i, 0);
        take_along_dim(x, j, dim=1); take_along_dim(x, i); masked_select(x, m); masked_select(x, r);
        x.masked_select(m); masked_fill(x, m, 3.0); masked_fill(x, r, -inf); x.masked_fill(m, 0)
    """),
    *table(dict(x=(4, 5), i=ints(4, 1, 5)), """
        take_along_dim(x, i, 0)
    """),
    *table(dict(x=(4, 5), i=ints(4, 3, 2), s=(3, 2)), """
        scatter_add(x, 0, i, s); x.scatter_add(0, i, s)
    """),
    *table(dict(x=(4, 5), i=apart(4, 2), s=(4, 2)), """
        scatter(x, 1, i.argsort(1), s); x.scatter(1, i.argsort(1), 2.0); scatter(x, 1, i.argsort(1), 2.0)
    """),
    *table(dict(x=(4, 5), k=ints(4, 3), s=(3, 5)), """
        index_add(x, 0, k, s); index_add(x, 0, k, s, alpha=2); x.index_add(0, k, s, alpha=0.5);
        index_put(x, (k,), s, True); x.index_put((k,), s, accumulate=True)
    """),
    *table(dict(x=(4, 5), m=mask(4, 5), s=()), """
        x.index_put((m,), s); x.masked_fill(m, s); x.index_put((m,), s, True)
    """),
    *table(dict(x=(4, 5), k=ints(5, 7), s=(7,)), """
        x.scatter_add(1, k.reshape(1, 7), s.reshape(1, 7))
    """),
    *table(dict(x=(0, 2), m=mask(3, 3), z=()), """
        chunk(x, 3); pad(x.reshape(0, 1, 2), (1, 1), 'reflect'); tril(m); triu(m, 1); z.flip(0); movedim(z, 0, -1)
    """),
    *table(dict(t=ints(4, 3, 2)), """
        one_hot(t); one_hot(t, 6); one_hot(t, num_classes=4)
    """),
]  # fmt: skip

REFUSED = [
    *table(dict(x=(2, 3, 4)), """
        reshape(x, (5, 5)); reshape(x, (-1, -1)); flatten(x, 2, 1); flatten(x, 3); unflatten(x, 2, (3, 2));
        unflatten(x, 2, (-1, -1)); permute(x, (0, 1)); permute(x, (0, 0, 1)); transpose(x, 0, 3); movedim(x, 0, 5);
        movedim(x, (0, 1), (0,)); movedim(x, (0, 0), (0, 1)); x.expand(3, 3, 4); x.expand(-1, 2, 3, 4);
        x.expand(2, 3); x.repeat(2); x.repeat(1, 1, -1); flip(x, (0, 0)); flip(x, 3); roll(x, (1, 2), dims=(0,));
        roll(x, 1, 3); rot90(x, 1, (0, 0)); rot90(x, 1, (0,)); unsqueeze(x, 4); squeeze(x, 3); split(x, 0);
        split(x, [1, 2]); split(x, -1); chunk(x, 0); tensor_split(x, 0); unbind(x, 3); narrow(x, 1, 2, 2);
        narrow(x, 0, 0, -1); narrow(x, 0, -3, 1); select(x, 0, 2); select(x, 3, 0); diagonal(x, 0, 1, 1);
        diagonal(x, 0, 0, 3); diag(x); x.trace(); x[2]; x[0, 0, 0, 0]; x[1.0]; x.unfold(0, 3, 1); x.unfold(0, 1, 0);
        pad(x, (1,)); pad(x, (1,) * 8); pad(x, (4, 0), 'reflect'); pad(x, (5, 0), 'circular');
        pad(x, (1, 1), 'mirror'); pad(x, (-3, -2)); pad(x, (1, 1), 'reflect', 1.0); meshgrid(x)
    """),
    *table(dict(x=(2, 3), y=(2, 2)), """
        cat((x, y)); stack((x, y)); cat(()); stack([]); cat((x, y), 2); vstack((x, y))
    """),
    *table(dict(x=(4, 5), i=ints(9, 4, 5), h=ints(4, 5, 5), k=ints(4, 3), f=(4, 5), m=mask(3, 5)), """
        gather(x, 0, i); gather(x, 1, h); gather(x, 0, k); gather(x, 0, f); gather(x, 2, k); gather(x, 0, h - 1);
        index_select(x, 0, i); index_select(x, 0, k + 2); index_select(x, 0, k - 3); take(x, i + 20); take(x, f);
        masked_fill(x, m, 0.0); masked_fill(x, f, 0.0); masked_fill(x, x > 0, f); masked_select(x, m); x[i]; x[m];
        x[f]; scatter(x, 0, i, 1.0); scatter_add(x, 0, h, x); index_add(x, 0, k, x); take_along_dim(x, k, 0)
    """),
    *table(dict(x=()), """
        unbind(x); split(x, 1); select(x, 0, 0); x[0]; x.unfold(0, 2, 1); tril(x); diagonal(x)
    """),
    *table(dict(t=ints(4, 3)), """
        one_hot(t, 2); one_hot(t - 4); one_hot(t * 1.0); one_hot(t, 0)
    """),
]  # fmt: skip


test_agrees_with_pytorch = agreeing([*SHAPE, *JOIN, *INDEX])


test_refuses_what_pytorch_refuses = refusing(REFUSED)
