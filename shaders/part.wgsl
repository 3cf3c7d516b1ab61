// Which part of the work a workgroup does.
//
// The host counts parts from 0. It may cut them into several dispatches (so that none runs long) and folds a dispatch
// into two dimensions (a dimension holds at most 65535 workgroups): this one covers parts p.first .. p.end, p.across
// of them in x. Every kernel's Params begins with these three fields.

fn part_of(workgroup: vec3<u32>) -> u32 {
    return p.first + workgroup.y * p.across + workgroup.x;
}
